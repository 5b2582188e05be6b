"""Bounds on the damage of any attack that a threat model allows."""
