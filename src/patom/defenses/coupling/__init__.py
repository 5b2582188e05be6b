"""Defenses that act on Omega: rules that choose it from the rows, one file each, and estimators under them."""
