"""
The pages: results as one HTML file that opens without a network, and its figures.

``render_page`` shows an audit, ``render_experiments`` a run of experiments. Both work on results only (what the
JSON file beside the page holds): nothing here fits, attacks or reads data.
"""

from .experiments_figures import save_experiment_figures
from .experiments_page import render_experiments
from .figures import correlation_maps, damage_curves, exposure_map, save_figure
from .page import render_page

__all__ = [
    "correlation_maps",
    "damage_curves",
    "exposure_map",
    "render_experiments",
    "render_page",
    "save_experiment_figures",
    "save_figure",
]
