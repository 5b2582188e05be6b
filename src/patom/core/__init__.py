"""The mathematics: pure arrays in, arrays out.

``rows`` holds the data, ``losses`` and ``data_term`` the data term of problem (1), ``penalties`` its penalties,
``solvers`` the ways to solve it, and ``regions`` the sets within which injected rows may lie.
"""
