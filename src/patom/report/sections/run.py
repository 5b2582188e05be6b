"""How a grid was run: how large and how exact it is, what it was made with, and what failed."""

from collections.abc import Iterable

from patom.report import numerals
from patom.results.grid import Failure, GridResults
from patom.wording import counted


def facts(results: GridResults, titles: list[str]) -> list[tuple[str, str, str]]:
    """How large and how exact the run was, from the titles of its figures: a term, its value and a detail."""
    told = results.provenance
    spread = f"{_level(results)} intervals" if results.n_seeds > 1 else "no intervals"
    listed = [
        ("Experiments", f"{len(set(titles)):,}", counted(len(titles), "figure")),
        ("Seeds", str(results.n_seeds), spread),
    ]
    if told.cells is not None:
        listed.append(("Cells", f"{told.cells:,}", f"{told.failed:,} failed" if told.failed else "none failed"))
    if told.worst_gap is not None:
        early = f"; {counted(told.uncertified, 'fit')} uncertified" if told.uncertified else ""
        listed.append(("Duality gap", numerals.scientific(told.worst_gap), f"largest of all fits{early}"))
    return listed


def _level(results: GridResults) -> str:
    return numerals.budget(results.confidence)


def means(results: GridResults) -> str:
    r"""Say what lines and bands are, in a sentence.

    >>> made = {"schema": 1, "kind": "experiments", "title": "", "patom_version": "", "confidence": 0.95}
    >>> means(GridResults(**made, n_seeds=1))
    'There is one seed, so there are no bands.'
    >>> means(GridResults(**made, n_seeds=5, fewest_seeds=3)).replace("\u00a0", " ")
    'Bands are 95 % intervals of the mean over 3 to 5 seeds.'
    """
    most = results.n_seeds
    if most == 1:
        return "There is one seed, so there are no bands."
    fewest = most if results.fewest_seeds is None else results.fewest_seeds
    seeds = f"{fewest} to {most}" if fewest < most else str(most)
    return f"Bands are {_level(results)} intervals of the mean over {seeds} seeds."


def provenance(results: GridResults) -> list[tuple[str, str]]:
    """How the run was done: terms and values."""
    told, seeds = results.provenance, results.n_seeds
    early = told.uncertified
    stopped = None if early is None else f"{early:,} stopped before their tolerance: their numbers are approximate"
    listed = [
        ("Cells", None if told.cells is None else f"{told.cells:,}"),
        ("Failed cells", None if told.failed is None else f"{told.failed:,}" if told.failed else "none"),
        ("Uncertified fits", "none" if early == 0 else stopped),
        ("Worst gap", None if told.worst_gap is None else numerals.scientific(told.worst_gap)),
        (
            "Repetitions",
            f"{counted(seeds, 'seed')}, {f'intervals at {_level(results)}' if seeds > 1 else 'no intervals'}",
        ),
        ("Commit", told.commit),
        ("Versions", ", ".join(f"{name} {version}" for name, version in told.versions.items()) or None),
    ]
    return [(term, value) for term, value in listed if value is not None]


def failures(entries: Iterable[Failure]) -> list[tuple[str, list[str]]]:
    """Gather failed cells by their error, in order of appearance.

    >>> failures([Failure(cell=cell, error=error) for cell, error in (("a", "E"), ("b", "F"), ("c", "E"))])
    [('E', ['a', 'c']), ('F', ['b'])]
    """
    gathered: dict[str, list[str]] = {}
    for entry in entries:
        gathered.setdefault(entry.error, []).append(entry.cell)
    return list(gathered.items())
