"""A table as plain text cells, for the terminal and for the docs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Sheet:
    """``words`` are headers of columns of text, ``numbers`` of those that align right."""

    title: str
    words: Sequence[str]
    numbers: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)

    def rich(self) -> Table:
        """For the terminal."""
        table = Table(title=self.title, title_justify="left")
        for word in self.words:
            table.add_column(word, overflow="fold")
        for number in self.numbers:
            table.add_column(number, justify="right", overflow="fold")
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """For ``docs/benchmarks.md``."""
        lines = [
            _line([*self.words, *self.numbers]),
            "|" + "---|" * len(self.words) + "---:|" * len(self.numbers),
            *(_line([cell.replace("|", "\\|") for cell in row]) for row in self.rows),
        ]
        return "\n".join([f"{' '.join(self.title.split())}:", "", *lines, ""])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def ranged(spread: Json) -> str:
    """Median and range of a ratio; of a single round its figure alone."""
    middle = f"{spread['median']:.3g}"
    return middle if spread["rounds"] == 1 else f"{middle} ({spread['low']:.3g}-{spread['high']:.3g})"


def times(spread: Json | None) -> str:
    """Median of a ratio."""
    return "-" if spread is None else f"{spread['median']:.3g}"


def milliseconds(spread: Json) -> str:
    """Median of seconds, in milliseconds."""
    return f"{1e3 * spread['median']:.3g}"


def mark(met: bool) -> str:
    """A verdict in a word."""
    return "met" if met else "missed"


def verdict(goal: str, found: Sequence[tuple[float, str]], bound: float, *, least: bool = False) -> list[str]:
    """A row of the goals' table: the goal, the worst of (value, where), how many keep to the bound, met or missed.

    >>> verdict("at most 2", [(1.0, "here"), (3.0, "there")], 2.0)
    ['at most 2', '3 (there)', '1 of 2', 'missed']
    """
    sign = -1.0 if least else 1.0
    worst, where = max(found, key=lambda each: sign * each[0])
    met = sum(sign * value <= sign * bound for value, _ in found)
    return [goal, f"{worst:.3g} ({where})", f"{met} of {len(found)}", mark(met == len(found))]
