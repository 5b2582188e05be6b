"""Problem (1) for many more tasks than columns: rows are borrowed, nothing of shape (m, m) or (n, p) is made."""
