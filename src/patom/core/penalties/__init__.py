"""The penalties R(W) of problem (1): Omega ``learned``, or ``given``, which may make tasks independent.

``penalty`` has their common protocol.
"""
