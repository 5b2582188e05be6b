"""Projected gradient ascent: lengths of steps (``spectral_steps``), a ``climb`` from one start, and the attack."""
