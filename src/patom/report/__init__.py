"""The pages: results as one HTML file that opens without a network, and its figures.

``render_page`` shows an audit, ``render_experiments`` a run of experiments. Both work on results only (what the JSON
file beside the page holds): nothing here fits, attacks or reads data. The templates have the sentences of the pages;
``sections`` has the table and the picture of each part, with the words that belong to the picture. ``lines``,
``panels``, ``squares``, ``quantity`` and ``style`` draw what the sections share, ``svg`` writes it.
"""

from patom.report.audit_page import render_page
from patom.report.figures import correlation_maps, damage_curves, exposure_map, save_experiment_figures, save_figure
from patom.report.grid_page import render_experiments

__all__ = [
    "correlation_maps",
    "damage_curves",
    "exposure_map",
    "render_experiments",
    "render_page",
    "save_experiment_figures",
    "save_figure",
]
