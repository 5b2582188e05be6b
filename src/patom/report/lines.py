"""Words to a figure of curves: over how many seeds its lines are means, what their colours and dashes are."""

from collections.abc import Iterable, Mapping
from typing import Any

from . import numerals

_COLOURS = {
    "direct": "orange is an attack through the target tasks themselves",
    "indirect": "blue one through other tasks only",
    "hybrid": "green one through both",
}


def seeds(report: Mapping[str, Any]) -> str:
    """
    Count the seeds that the means of the curves are over: fewer where some could not be attacked or measured.

    Parameters
    ----------
    report : Mapping
        The audit's results.

    Returns
    -------
    str
        A range where curves differ.

    Examples
    --------
    >>> point = {"damage": {"mean": 0.1}}
    >>> seeds({"curves": [point | {"n_seeds": 5}, point | {"n_seeds": 2}], "setting": {"n_seeds": 5}})
    '2 to 5 seeds'
    """
    counts = [int(point["n_seeds"]) for point in report["curves"] if (point["damage"] or {}).get("mean") is not None]
    least, most = min(counts, default=0), max(counts, default=int(report["setting"]["n_seeds"]))
    several = f"{numerals.count(least)} to " if 0 < least < most else ""
    return f"{several}{numerals.count(most)} seed{'' if most == 1 else 's'}"


def seeds_of(report: Mapping[str, Any], worst: Mapping[str, Any]) -> int:
    """
    Count the seeds of an attack and budget.

    Parameters
    ----------
    report : Mapping
        The audit's results.
    worst : Mapping
        ``attack`` and ``budget``.

    Returns
    -------
    int
        0 where the results have no such curve.
    """
    for point in report["curves"]:
        if (point["attack"], point["budget"]) == (worst.get("attack"), worst.get("budget")):
            return int(point["n_seeds"])
    return 0


def looks(attacks: Iterable[str]) -> str:
    """
    Say what colours and dashes mean, of those that there are.

    Parameters
    ----------
    attacks : iterable of str
        Names such as ``"ascent-direct"``: a method and what it reaches.

    Returns
    -------
    str
        A sentence; empty without attacks.

    Examples
    --------
    >>> looks(["random-indirect"])
    'Blue is an attack through other tasks only; dashed lines are random rows.'
    """
    known = list(attacks)
    reach = {attack.rpartition("-")[2] for attack in known}
    colours = [words for kind, words in _COLOURS.items() if kind in reach]
    random = [attack.startswith("random") for attack in known]
    dashes = ["dashed lines are random rows"] * any(random)
    dashes += ["solid ones are optimised rows" if dashes else "lines are optimised rows"] * (not all(random))
    if colours:
        colours[0] = colours[0].replace(" one ", " is an attack ")
    parts = [", ".join(colours)] * bool(colours) + [", ".join(dashes)] * bool(dashes)
    told = "; ".join(parts)
    return f"{told[:1].upper()}{told[1:]}." if told else ""
