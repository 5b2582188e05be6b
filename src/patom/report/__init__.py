"""The pages: results as one HTML file that opens without a network, and its figures.

``render_page`` shows an audit, ``render_experiments`` a run of experiments. Both work on results only (what the JSON
file beside the page holds): nothing here fits, attacks or reads data. ``sections`` has a file for each part of a page;
``lines``, ``panels``, ``squares``, ``quantity`` and ``style`` draw what the sections share, ``svg`` writes it.
"""

from patom.report.figures import correlation_maps, damage_curves, exposure_map, save_experiment_figures, save_figure
from patom.report.page import render_experiments, render_page

__all__ = [
    "correlation_maps",
    "damage_curves",
    "exposure_map",
    "render_experiments",
    "render_page",
    "save_experiment_figures",
    "save_figure",
]
