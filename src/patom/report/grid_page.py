"""The page of a grid: what ``grid.html.jinja``, which has the sentences, shows of the results."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patom.report import numerals
from patom.report.labels import printable
from patom.report.page import environment
from patom.report.sections import curves, figures
from patom.results.grid import KIND, SCHEMA, Claim, Failure, GridResults
from patom.shapes import shaped
from patom.wording import counted

VERDICTS: Mapping[str, tuple[str, str]] = {
    "reproduced": ("low", "✓"),
    "partly": ("moderate", "◐"),
    "not reproduced": ("critical", "✗"),
}
"""Tone and sign of each verdict on a claim; any other word is plain."""


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
    templates = environment()
    templates.filters["chip"] = Chip.of
    page = templates.get_template("grid.html.jinja").render(
        version=found.patom_version,
        results=found,
        summary=_summary(found.claims),
        tally=_tally(found.claims),
        facts=_facts(found, [one.multiples.title for experiments in shown.values() for one in experiments]),
        looks=curves.looks(line.attack for one in found.budgets for pair in one.panels for line in pair.lines),
        sections=shown,
        provenance=_provenance(found),
        n_failed=max(found.provenance.failed or 0, len(found.failures)),
        failures=_by_error(found.failures),
    )
    return printable(page)


def _found(results: Mapping[str, Any]) -> GridResults:
    kind, schema = results.get("kind"), results.get("schema")
    if (kind, schema) != (KIND, SCHEMA):
        raise ValueError(
            f"results: this page shows results of kind {KIND!r}, schema {SCHEMA}; got kind {kind!r}, schema {schema!r}."
        )
    missing = [name for name in ("title", "patom_version", "n_seeds") if results.get(name) is None]
    if missing:
        raise ValueError(f"results: {', '.join(missing)} missing. Run the experiments again to get them whole.")
    return shaped(GridResults, dict(results), where="results", between=", ")


@dataclass(frozen=True)
class Chip:
    """A verdict as a word, a sign and a colour."""

    word: str
    tone: str
    sign: str

    @classmethod
    def of(cls, verdict: str | None) -> "Chip":
        """Choose by the verdict's word; None is "not tested"."""
        word = "not tested" if verdict is None else verdict
        return cls(word, *VERDICTS.get(word, ("plain", "–")))


def _summary(claims: Sequence[Claim]) -> str:
    """Count the verdicts in one sentence.

    >>> verdicts = ["reproduced", "partly", "not reproduced", "reproduced"]
    >>> _summary([Claim(claim="", verdict=verdict) for verdict in verdicts])
    '2 of 4 claims reproduced, 1 partly, 1 not.'
    """
    if not claims:
        return "This run tests no claim of the paper."
    counts = Counter(Chip.of(claim.verdict).word for claim in claims)
    known = counts["reproduced"]
    start = "All" if known == len(claims) > 1 else "None of" if not known else f"{known} of"
    other = len(claims) - sum(counts[word] for word in VERDICTS)
    rest = [(counts["partly"], "partly"), (counts["not reproduced"], "not"), (other, "not tested")]
    parts = [f"{start} {counted(len(claims), 'claim')} reproduced", *(f"{n} {word}" for n, word in rest if n)]
    return ", ".join(parts) + "."


def _tally(claims: Sequence[Claim]) -> list[tuple[int, Chip]]:
    """Count the claims of each verdict that there is, the best first."""
    counts = Counter(Chip.of(claim.verdict) for claim in claims)
    order = [*VERDICTS, *sorted({chip.word for chip in counts} - set(VERDICTS))]
    return [(counts[chip], chip) for word in order for chip in counts if chip.word == word]


def _facts(results: GridResults, titles: list[str]) -> list[tuple[str, str, str]]:
    """How large and how exact the run was, from the titles of its figures: a term, its value and a detail."""
    run = results.provenance
    spread = f"{numerals.budget(results.confidence)} intervals" if results.n_seeds > 1 else "no intervals"
    listed = [
        ("Experiments", f"{len(set(titles)):,}", counted(len(titles), "figure")),
        ("Seeds", str(results.n_seeds), spread),
    ]
    if run.cells is not None:
        listed.append(("Cells", f"{run.cells:,}", f"{run.failed:,} failed" if run.failed else "none failed"))
    if run.worst_gap is not None:
        early = f"; {counted(run.uncertified, 'fit')} uncertified" if run.uncertified else ""
        listed.append(("Duality gap", numerals.scientific(run.worst_gap), f"largest of all fits{early}"))
    return listed


def _provenance(results: GridResults) -> list[tuple[str, str]]:
    """How the run was done: terms and values."""
    run, seeds, early = results.provenance, results.n_seeds, results.provenance.uncertified
    stopped = None if early is None else f"{early:,} stopped before their tolerance: their numbers are approximate"
    spread = f"intervals at {numerals.budget(results.confidence)}" if seeds > 1 else "no intervals"
    listed = [
        ("Cells", None if run.cells is None else f"{run.cells:,}"),
        ("Failed cells", None if run.failed is None else f"{run.failed:,}" if run.failed else "none"),
        ("Uncertified fits", "none" if early == 0 else stopped),
        ("Worst gap", None if run.worst_gap is None else numerals.scientific(run.worst_gap)),
        ("Repetitions", f"{counted(seeds, 'seed')}, {spread}"),
        ("Commit", run.commit),
        ("Versions", ", ".join(f"{name} {version}" for name, version in run.versions.items()) or None),
    ]
    return [(term, value) for term, value in listed if value is not None]


def _by_error(failures: Sequence[Failure]) -> dict[str, list[str]]:
    """Failed cells by their error, in order of appearance."""
    gathered: dict[str, list[str]] = {}
    for failure in failures:
        gathered.setdefault(failure.error, []).append(failure.cell)
    return gathered
