"""Attacks of the literature that carry over to linear multi-task models, one file each, and what they share."""
