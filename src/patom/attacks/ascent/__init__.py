"""Projected gradient ascent: the ``coordinates`` that move, the steps' lengths (``spectral_steps``), one ``climb``."""
