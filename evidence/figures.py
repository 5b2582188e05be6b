"""The documents' figures from kept results; ``python -m evidence`` draws them anew."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from evidence.accounts import measured
from evidence.results import ROOT
from patom.paper.findings.rows import grouped
from patom.report.style import DIRECT, INDIRECT, INK, OTHERS, SMALL, drawing, open_frame, place

MANY = ROOT / "docs" / "accounts.svg"
_LOOKS = {"0.01": ("-", "o"), "5/m": ((0, (4, 2)), "s")}
_COLOURS = (INDIRECT, DIRECT, OTHERS[0])


def many() -> Figure:
    """What accounts do beside thousands of tasks, against their share: solid for one lambda_2, dashed for 5/m."""
    found = grouped(measured("many"), lambda row: (row["tasks"], row["lambda_2"]))
    sizes = sorted({m for m, _ in found})
    with drawing(svg__hashsalt="patom", svg__fonttype="none"):
        figure = Figure(figsize=(7.8, 3.4))
        axes = place(figure, 0.55, 0.45, 4.3, 2.45)
        open_frame(axes, "y")
        for (m, strength), rows in found.items():
            at = {share: rows_ for share, rows_ in grouped(rows, "share").items() if share}
            shares, losses = list(at), [np.mean([row["loss"] for row in rows_]) for rows_ in at.values()]
            dash, marker = _LOOKS[strength]
            colour = _COLOURS[sizes.index(m)]
            axes.plot(shares, losses, linestyle=dash, marker=marker, markersize=4, linewidth=1.8, color=colour)
            bounds = [
                np.mean([row["bound"] for row in rows_]) for rows_ in at.values() if rows_[0]["bound"] is not None
            ]
            if bounds:
                axes.plot(shares, bounds, linestyle=":", linewidth=1.5, color=INK)
                _say(axes, shares[-1], bounds[-1], "certified bound", INK)
            if strength == "5/m" or m == sizes[0]:
                name = f"{m:,} tasks, λ₂ = 5/m" if strength == "5/m" else "1,000 to 100,000 tasks, λ₂ = 0.01"
                _say(axes, shares[-1], losses[-1], name, colour if strength == "5/m" else INK)
        ticks = sorted({row["share"] for row in measured("many")} - {0.0})
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{100 * share:g} %" for share in ticks])
        axes.minorticks_off()
        axes.set_ylim(0.0, 1.05)
        axes.set_xlabel("accounts over honest tasks", loc="left")
        axes.set_title("Honest tasks’ training loss over that of predicting 0")
    return figure


def _say(axes: matplotlib.axes.Axes, x: float, y: float, words: str, colour: str) -> None:
    axes.annotate(words, (x, y), (9, 0), textcoords="offset points", va="center", fontsize=SMALL, color=colour)


def draw(into: Path = MANY) -> None:
    """Write the figure: the same bytes for the same results and version of matplotlib."""
    with drawing(svg__hashsalt="patom", svg__fonttype="none"):
        many().savefig(into, format="svg", metadata={"Date": None}, facecolor="white")
