"""The page of a run of experiments: the paper's claims with their verdicts, then the figures, in one HTML file."""

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from . import experiments_words as words
from .attacks_table import attacks_table
from .claims import claim_rows, summary, tally
from .experiments_figures import KINDS
from .labels import printable
from .lines import looks
from .svg import inline_svg
from .templates import environment

SCHEMA = 1
"""Version of the results that this page can show."""
OPEN = 4
"""Experiments of a section that are shown at once; the others unfold."""
_TABLES: Mapping[str, Callable[[Mapping[str, Any]], words.Table]] = {
    "convergence": words.convergence_table,
    "budgets": words.budget_table,
    "correlations": words.shift_table,
    "attacks": attacks_table,
    "defenses": attacks_table,
    "screening": attacks_table,
}


def render_experiments(results: Mapping[str, Any]) -> str:
    """
    Write the results of a run of experiments as one self-contained HTML page.

    Parameters
    ----------
    results : Mapping
        ``schema``, ``kind`` (``"experiments"``), ``title``, ``patom_version``, ``n_seeds``, and as far as the run
        has them ``reproduction`` (whether its grids are the paper's), ``fewest_seeds``, ``confidence``, ``claims``,
        ``convergence``, ``budgets``, ``correlations``, ``attacks``, ``defenses``, ``screening``, ``notes``,
        ``provenance``, ``failures`` and ``command``. Numbers that were not measurable are None.

    Returns
    -------
    str
        The page: the same bytes for the same results. About a tenth of a second for each panel of lines, half a
        second for a map of 30 tasks.

    Raises
    ------
    ValueError
        If the results are of another kind or schema, or lack what names them.

    Examples
    --------
    >>> render_experiments({"schema": 1, "kind": "audit"})
    Traceback (most recent call last):
    ...
    ValueError: results: this page shows results of kind 'experiments', schema 1; got kind 'audit', schema 1.
    """
    _check(results)
    templates = environment()
    told = results.get("provenance") or {}
    page = templates.get_template("experiments.html.jinja").render(
        results=results,
        summary=summary(results),
        tally=tally(results),
        claims=claim_rows(results),
        facts=words.facts(results),
        means=words.means(results),
        looks=looks(_attacks(results)),
        sections={kind: _experiments(results, kind) for kind in KINDS},
        notes=results.get("notes") or [],
        provenance=words.provenance(results),
        files=told.get("files") or {},
        n_failed=max(told.get("failed") or 0, len(results.get("failures") or [])),
        failures=words.failures(results.get("failures") or []),
        command=results.get("command"),
    )
    return printable(page)


def _attacks(results: Mapping[str, Any]) -> list[str]:
    """Those of the budget figures."""
    panels = (panel for experiment in results.get("budgets") or () for panel in experiment["panels"])
    return [str(line["attack"]) for panel in panels for line in panel["lines"]]


def _check(results: Mapping[str, Any]) -> None:
    kind, schema = results.get("kind"), results.get("schema")
    if (kind, schema) != ("experiments", SCHEMA):
        raise ValueError(
            f"results: this page shows results of kind 'experiments', schema {SCHEMA}; "
            f"got kind {kind!r}, schema {schema!r}."
        )
    missing = [name for name in ("title", "patom_version", "n_seeds") if results.get(name) is None]
    if missing:
        raise ValueError(f"results: {', '.join(missing)} missing. Run the experiments again to get them whole.")


def _experiments(results: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """All experiments of a section: panels as SVG with their natural widths in CSS pixels, and their table."""
    shown = []
    for index, experiment in enumerate(results.get(kind) or ()):
        multiples = KINDS[kind](experiment)
        panels = [
            {"svg": Markup(inline_svg(panel.picture(), f"{kind}-{index}-{place}")), "width": round(96 * panel.width)}
            for place, panel in enumerate(multiples.panels)
        ]
        shown.append(
            {
                "anchor": f"{kind}-{index + 1}",
                "title": multiples.title,
                "settings": multiples.settings,
                "panels": panels,
                "table": _TABLES[kind](experiment),
                "folded": index >= OPEN,
                "rank_one": words.rank_one(experiment) if kind == "correlations" else "",
            }
        )
    return shown
