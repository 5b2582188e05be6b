"""Projected gradient ascent: coordinates that move (``charts``), steps (``spectral_steps``), one ``climb``."""
