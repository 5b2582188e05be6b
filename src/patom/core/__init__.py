"""The mathematics: pure arrays in, arrays out.

``rows`` holds the data, ``losses`` and ``data_term`` the left-hand side of problem (1), ``spectral`` and
``quadratic`` its penalties, ``solver`` and ``alternating`` the ways to solve it, ``solution`` what they return.
"""
