"""Grids of attacks: described in TOML, run over processes, kept cell by cell, summarised and judged."""
