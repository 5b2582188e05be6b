"""The tables of ``benchmarks.tiny``: shares of the best known gain by settings, time, and the worst problems."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from statistics import mean, median
from typing import Any

from rich.table import Table

from benchmarks.sheets import Sheet, mark
from benchmarks.tiny_problems import KINDS, LABELS, LOSSES

PEER = "old"
"""Whose seconds those of the others are compared with: the package at the commit of ``tiny_old``."""
GOALS = (0.985, 0.85, 2.0)
"""Least mean share, least share of any problem, and most time over the peer's."""
_WORST = 12
Row = dict[str, Any]
SETTINGS = ("kind", "loss", "labels", "rows", "lambda_", "seed")


def tables(rows: Sequence[Row]) -> Iterator[Table]:
    """For the terminal."""
    attacks = list(dict.fromkeys(row["attack"] for row in rows))
    yield over_all(rows, attacks).rich()
    for attack in attacks:
        own = [row for row in rows if row["attack"] == attack]
        yield by_settings(own, attack).rich()
        if attack != PEER or len(attacks) == 1:
            yield worst(own, attack).rich()


def over_all(rows: Sequence[Row], attacks: Sequence[str]) -> Sheet:
    """Each attack on all problems, by labels and by the number of rows; the first lines beside the goals."""
    numbers = ["problems", "mean", "least", ">= 0.99", "< 0.9", f"time / {PEER}", "other labels"]
    sheet = Sheet("Shares of the best known gain", ["attack", "problems with"], numbers)
    parts: dict[str, Callable[[Row], bool]] = {
        "all": lambda _: True,
        **{f"labels {name}": lambda row, name=name: row["labels"] == name for name in LABELS},
        **{f"{number} row{'s' * (number > 1)}": lambda row, number=number: row["rows"] == number for number in (1, 3)},
    }
    for attack, (name, holds) in product(attacks, parts.items()):
        own = [row for row in rows if row["attack"] == attack and holds(row)]
        if own:
            sheet.rows.append([attack, name, *_figures(own, rows)])
    for attack in attacks:
        own = [row for row in rows if row["attack"] == attack]
        sheet.rows.append([attack, f"goals: {', '.join(map(str, GOALS))}", "", *_verdicts(own, rows)])
    return sheet


def _figures(own: Sequence[Row], rows: Sequence[Row]) -> list[str]:
    shares = [row["share"] for row in own]
    return [
        str(len(own)), f"{mean(shares):.4f}", f"{min(shares):.3f}",
        f"{mean(share >= 0.99 for share in shares):.0%}", f"{mean(share < 0.9 for share in shares):.0%}",
        _time(own, rows, "{:.2f}"), str(sum(row["other_labels"] for row in own)),
    ]  # fmt: skip


def _verdicts(own: Sequence[Row], rows: Sequence[Row]) -> list[str]:
    shares, ratios = [row["share"] for row in own], _ratios(own, rows)
    timely = mark(median(ratios) <= GOALS[2]) if ratios else "-"
    return [mark(mean(shares) >= GOALS[0]), mark(min(shares) >= GOALS[1]), "", "", timely, ""]


def _ratios(own: Sequence[Row], rows: Sequence[Row]) -> list[float]:
    """Seconds over those of the peer on the same problem."""
    peers = {key(row): row["seconds"] for row in rows if row["attack"] == PEER}
    return [row["seconds"] / peers[key(row)] for row in own if key(row) in peers]


def key(row: Row) -> tuple[Any, ...]:
    """The settings of a row's problem."""
    return tuple(row[name] for name in SETTINGS)


def _time(own: Sequence[Row], rows: Sequence[Row], form: str) -> str:
    ratios = _ratios(own, rows)
    return form.format(median(ratios)) if ratios else "-"


def by_settings(own: Sequence[Row], attack: str) -> Sheet:
    """Mean and least share by kind, labels and loss."""
    losses = [loss for loss in LOSSES if any(row["loss"] == loss for row in own)]
    sheet = Sheet(f"{attack}: mean (least) share", ["kind", "labels"], [*losses, "all"])
    for kind, labels in product(KINDS, LABELS):
        cells = []
        for loss in (*losses, None):
            shares = [
                row["share"]
                for row in own
                if (row["kind"], row["labels"]) == (kind, labels) and loss in (None, row["loss"])
            ]
            cells.append(f"{mean(shares):.3f} ({min(shares):.3f})" if shares else "")
        if any(cells):
            sheet.rows.append([kind, labels, *cells])
    return sheet


def worst(own: Sequence[Row], attack: str) -> Sheet:
    """The problems with the smallest shares."""
    sheet = Sheet(f"{attack}: where it stops shortest", SETTINGS, ["gain", "best known", "share", "ms"])
    for row in sorted(own, key=lambda row: row["share"])[:_WORST]:
        numbers = [f"{row['gain']:.4g}", f"{row['best']:.4g}", f"{row['share']:.3f}", f"{1e3 * row['seconds']:.0f}"]
        sheet.rows.append([*(str(row[name]) for name in SETTINGS), *numbers])
    return sheet
