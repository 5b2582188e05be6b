"""Filters of training rows, one file each; what all share is in ``sanitiser``."""
