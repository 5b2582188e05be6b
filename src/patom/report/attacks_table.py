"""Attacks side by side as a table: what the findings say in a phrase, a number with its interval below it."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import numerals
from .experiments_words import Table

_NUMBER = re.compile(r"-?[\d,]*\.?\d+")
_MINUS = re.compile(r"-(?=[\d.])")


@dataclass(frozen=True)
class Cell:
    """Words of a table, what stands in small below them, and whether they are bold."""

    words: str
    below: str = ""
    best: bool = False


def attacks_table(experiment: Mapping[str, Any]) -> Table:
    """
    Lay out the table of an experiment's attacks.

    Parameters
    ----------
    experiment : Mapping
        An entry of the results' ``attacks``: the first column names the attack, the second is what is compared.

    Returns
    -------
    Table
        Rows of ``Cell``. In each group the attack of the largest value is bold, all of them if several read alike.

    Examples
    --------
    >>> rows = [["random rows", "-0.5 % (-0.8 % to -0.3 %)"], ["ascent", "7.8 % (one seed)"]]
    >>> table = attacks_table({"columns": ["Attack", "rise"], "groups": [["direct", rows]]})
    >>> table["groups"][0][1][0][1]
    Cell(words='−0.5 %', below='−0.8 to −0.3 %', best=False)
    >>> table["groups"][0][1][1]
    [Cell(words='ascent', below='', best=True), Cell(words='7.8 %', below='', best=True)]
    """
    return {
        "columns": [f"{column[:1].upper()}{column[1:]}".replace("'", "’") for column in experiment["columns"]],
        "groups": [
            (f"{heading[:1].upper()}{heading[1:]}", _rows([[str(cell) for cell in row] for row in rows]))
            for heading, rows in experiment["groups"]
        ],
    }


def _rows(rows: Sequence[Sequence[str]]) -> list[list[Cell]]:
    values = [_leading(row[1]) for row in rows]
    measured = [value for value in values if not math.isnan(value)]
    best = max(measured) if len(measured) > 1 else math.nan
    return [
        [Cell(row[0], best=value == best), _cell(row[1], best=value == best), *(_cell(words) for words in row[2:])]
        for row, value in zip(rows, values, strict=True)
    ]


def _cell(words: str, *, best: bool = False) -> Cell:
    """Take "7 % (5 % to 9 %)" apart, with its unit once in the interval; one seed has none."""
    words = _MINUS.sub("−", words)
    value, _, inside = words.removesuffix(")").partition(" (")
    low, to, high = inside.partition(" to ")
    unit = high.lstrip("−0123456789.,")
    below = f"{low.removesuffix(unit)}{to}{high}" if to else ""
    return Cell(numerals.MISSING if value == "not measurable" else value, below, best)


def _leading(words: str) -> float:
    found = _NUMBER.match(words)
    return float(found.group().replace(",", "")) if found else math.nan
