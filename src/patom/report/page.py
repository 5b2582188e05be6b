"""The page itself: all results in one HTML file that needs neither network nor script."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from . import lines, numerals, remedies, sections
from .curves import curve_picture
from .exposure import exposure_picture
from .labels import printable
from .relationships import relationship_picture
from .svg import Picture, inline_svg
from .templates import environment

SCHEMA = 1
"""Version of the results that this page can show."""
_SECTIONS = ("patom_version", "seed", "data", "model", "setting", "curves", "verdict")


def render_page(report: Mapping[str, Any]) -> str:
    """
    Write an audit's results as one self-contained HTML page.

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
        If the results are of another schema, or lack a section.

    Examples
    --------
    >>> render_page({"schema": 7})
    Traceback (most recent call last):
    ...
    ValueError: report: this version reads results of schema 1; got 7. Run the audit again to get such results.
    """
    _check(report)
    templates = environment()
    metric = str(report["model"]["metric"])
    templates.filters["metric"] = lambda value: numerals.metric(value, metric)
    templates.filters["budget"] = numerals.budget
    templates.filters["scientific"] = numerals.scientific
    page = templates.get_template("page.html.jinja").render(
        report=report,
        metric=metric,
        several=len(report["data"]["tasks"]) > 1,
        verdict=sections.verdict(report),
        facts=sections.facts(report),
        groups=sections.curve_groups(report),
        settings=sections.settings(report),
        attack=sections.attack(report),
        remedies=remedies.remedies(report),
        confidence=sections.confidence(report),
        command=_command(report),
        lines={"seeds": lines.seeds(report), "looks": lines.looks(point["attack"] for point in report["curves"])},
        **_pictures(report),
    )
    return printable(page)


def _command(report: Mapping[str, Any]) -> str | None:
    """What to type for the same page, its gate included."""
    command, gate = report.get("command"), report.get("fail_above")
    if not command or gate is None or "--fail-above" in command:
        return command
    return f"{command} --fail-above {gate['threshold']}"


def _check(report: Mapping[str, Any]) -> None:
    if report.get("schema") != SCHEMA:
        raise ValueError(
            f"report: this version reads results of schema {SCHEMA}; got {report.get('schema')!r}. "
            "Run the audit again to get such results."
        )
    missing = [name for name in _SECTIONS if report.get(name) is None]
    if missing:
        raise ValueError(f"report: the results lack {', '.join(missing)}. Run the audit again to get them whole.")


def _pictures(report: Mapping[str, Any]) -> dict[str, Any]:
    """All figures as SVG, and what is said about them; None for a section that the results lack."""
    shown: dict[str, Any] = {
        "curves": [_figure(curve_picture(report, field), field) for field in ("metric", "damage")]
        if report["curves"]
        else None,
        "exposure": None,
        "relationships": None,
    }
    if report.get("exposure") is not None:
        shown["exposure"] = _figure(exposure_picture(report), "exposure") | sections.exposure(report)
    if report.get("relationships") is not None:
        shown["relationships"] = {
            "figures": [_figure(relationship_picture(report, moment), moment) for moment in ("before", "after")],
            "largest": sections.leading_eigenvalues(report),
        }
    return shown


def _figure(picture: Picture, salt: str) -> dict[str, Any]:
    """SVG and its natural width in CSS pixels, which the page lets it fall below only so far."""
    return {"svg": Markup(inline_svg(picture, salt)), "width": round(96 * picture.figure.get_figwidth())}
