"""The pages: all results of an audit, or of a grid, in one HTML file that needs neither network nor script."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from patom.report import numerals
from patom.report.labels import printable
from patom.report.sections import Shown, claims, curves, exposure, figures, relationships, remedies, run, verdict
from patom.report.svg import Picture, inline_svg
from patom.results import audit, grid
from patom.shapes import shaped

OPEN = 4
"""Experiments of a section that are shown at once; the others unfold."""
_SECTIONS = ("patom_version", "seed", "data", "model", "setting", "curves", "verdict")


@dataclass(frozen=True)
class _Figure:
    """SVG and its natural width in CSS pixels, which the page lets it fall below only so far."""

    svg: Markup
    width: int

    @classmethod
    def of(cls, picture: Picture, salt: str) -> "_Figure":
        return cls(Markup(inline_svg(picture, salt)), round(96 * picture.figure.get_figwidth()))


def render_page(report: Mapping[str, Any]) -> str:
    """Write an audit's results as one self-contained HTML page.

    Parameters
    ----------
    report : Mapping
        The audit's results, as stored in ``report.json``. ``exposure``, ``relationships``, ``remedies``,
        ``fail_above`` and ``command`` may be None or missing, and so may any mean that was not measurable.

    Returns
    -------
    str
        The page: the same bytes for the same results. About a second for ten tasks, two for forty.

    Raises
    ------
    ValueError
        If the results are of another schema, lack a section, or hold what no audit writes.

    Examples
    --------
    >>> render_page({"schema": 7})
    Traceback (most recent call last):
    ...
    ValueError: report: this version reads results of schema 1; got 7. Run the audit again to get such results.
    """
    results = _audited(report)
    metric, told = results.model.metric, results.relationships
    templates = _environment()
    templates.filters["metric"] = lambda value: numerals.metric(value, metric)
    shown = curves.Curves(results.curves, metric, results.model.clean_level, results.fail_above)
    page = templates.get_template("audit.html.jinja").render(
        version=results.patom_version,
        report=results,
        metric=metric,
        several=len(results.data.tasks) > 1,
        verdict=verdict.words(results),
        facts=verdict.facts(results),
        curves=[_Figure.of(shown.picture(field), field) for field in ("metric", "damage")] if results.curves else None,
        groups=shown.groups(),
        seeds=shown.seeds(results.setting.n_seeds),
        looks=curves.looks(point.attack for point in results.curves),
        exposure=None if results.exposure is None else exposure.words(results.exposure),
        exposure_map=None if results.exposure is None else _Figure.of(exposure.picture(results.exposure), "exposure"),
        relationships=None
        if told is None
        else [_Figure.of(relationships.picture(told, when), when) for when in ("before", "after")],
        largest=None if told is None else relationships.leading(told),
        remedies=remedies.words(results.remedies, metric),
        settings=verdict.settings(results),
        attack=verdict.OPTIMISERS[results.setting.attack],
        confidence=numerals.budget(results.setting.confidence),
        command=verdict.command(results),
    )
    return printable(page)


def _audited(report: Mapping[str, Any]) -> audit.Results:
    if report.get("schema") != audit.SCHEMA:
        raise ValueError(
            f"report: this version reads results of schema {audit.SCHEMA}; got {report.get('schema')!r}. "
            "Run the audit again to get such results."
        )
    missing = [name for name in _SECTIONS if report.get(name) is None]
    if missing:
        raise ValueError(f"report: the results lack {', '.join(missing)}. Run the audit again to get them whole.")
    return shaped(audit.Results, dict(report), where="report", between=", ")


def render_experiments(results: Mapping[str, Any]) -> str:
    """Write the results of a run of experiments as one self-contained HTML page.

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
        If the results are of another kind or schema, lack what names them, or hold what no run writes.

    Examples
    --------
    >>> render_experiments({"schema": 1, "kind": "audit"})
    Traceback (most recent call last):
    ...
    ValueError: results: this page shows results of kind 'experiments', schema 1; got kind 'audit', schema 1.
    """
    found = _found(results)
    shown = figures(found)
    titles = [one.multiples.title for experiments in shown.values() for one in experiments]
    page = (
        _environment()
        .get_template("grid.html.jinja")
        .render(
            version=found.patom_version,
            results=found,
            summary=claims.summary(found.claims),
            tally=claims.tally(found.claims),
            claims=claims.rows(found.claims),
            facts=run.facts(found, titles),
            means=run.means(found),
            looks=curves.looks(line.attack for one in found.budgets for pair in one.panels for line in pair.lines),
            sections={kind: [_card(kind, *one) for one in enumerate(cards)] for kind, cards in shown.items()},
            provenance=run.provenance(found),
            n_failed=max(found.provenance.failed or 0, len(found.failures)),
            failures=run.failures(found.failures),
            command=found.command,
        )
    )
    return printable(page)


def _found(results: Mapping[str, Any]) -> grid.GridResults:
    kind, schema = results.get("kind"), results.get("schema")
    if (kind, schema) != (grid.KIND, grid.SCHEMA):
        raise ValueError(
            f"results: this page shows results of kind {grid.KIND!r}, schema {grid.SCHEMA}; "
            f"got kind {kind!r}, schema {schema!r}."
        )
    missing = [name for name in ("title", "patom_version", "n_seeds") if results.get(name) is None]
    if missing:
        raise ValueError(f"results: {', '.join(missing)} missing. Run the experiments again to get them whole.")
    return shaped(grid.GridResults, dict(results), where="results", between=", ")


@dataclass(frozen=True)
class _Card:
    """An experiment as the page has it: its anchor, its figures, and whether it is folded away."""

    anchor: str
    shown: Shown
    figures: list[_Figure]
    folded: bool


def _card(kind: str, index: int, shown: Shown) -> _Card:
    panels = [
        _Figure.of(panel.picture(), f"{kind}-{index}-{place}") for place, panel in enumerate(shown.multiples.panels)
    ]
    return _Card(f"{kind}-{index + 1}", shown, panels, folded=index >= OPEN)


def _environment() -> Environment:
    """Where templates come from: text is escaped, a name that is missing is an error."""
    found = Environment(
        loader=PackageLoader("patom.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "budget": numerals.budget,
        "count": numerals.count,
        "scientific": numerals.scientific,
        "tidy": numerals.typeset,
    }
    found.globals["name"] = lambda text: Markup("<bdi>{}</bdi>").format(text)
    return found
