"""Projected gradient ascent: a ``climb`` from one start, and the attack."""
