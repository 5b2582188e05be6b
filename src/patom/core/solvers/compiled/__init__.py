"""Problem (1) with Omega learned, where every task's second moments fit in memory: compiled from end to end."""
