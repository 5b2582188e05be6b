"""
The page: an audit's results as one HTML file that opens without a network, and its figures.

Works on results only (what ``report.json`` holds): nothing here fits, attacks or reads data.
"""

from .figures import correlation_maps, damage_curves, exposure_map, save_figure
from .page import render_page

__all__ = ["correlation_maps", "damage_curves", "exposure_map", "render_page", "save_figure"]
