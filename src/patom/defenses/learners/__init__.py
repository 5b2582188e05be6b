"""Learners of the literature that are robust to outlier tasks and to bad neighbours, one file each."""
