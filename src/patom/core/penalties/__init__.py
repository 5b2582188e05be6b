"""The penalties R(W) of problem (1): Omega ``learned``, Omega ``given``, tasks ``independent``.

``penalty`` has their common protocol.
"""
