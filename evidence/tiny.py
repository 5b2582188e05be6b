"""What the docs show of attacks beside the best known ones, from the table of ``benchmarks.tiny``."""

from collections.abc import Mapping
from itertools import product
from statistics import mean, median

import pyarrow.parquet as pq
from benchmarks.tiny_problems import KINDS, LABELS
from benchmarks.tiny_tables import key

from evidence.markdown import table
from evidence.results import KEPT, Row
from patom.wording import percent

NAMES: Mapping[str, str] = {"old": "as it was", "default": "now"}


def shares() -> str:
    """Shares of the best known gain by kind and labels, of the ascent as it was and as it is, and its time."""
    rows = pq.read_table(KEPT / "tiny.parquet").to_pylist()
    heads = [f"{name}: {what}" for name in NAMES.values() for what in ("mean", "least", "at least 0.99")]
    parts = [
        [kind, labels, *_of_both([row for row in rows if (row["kind"], row["labels"]) == (kind, labels)])]
        for kind, labels in product(KINDS, LABELS)
    ]
    found = table(["attack", "labels", *heads], [*parts, ["all", "", *_of_both(rows)]])
    commits = ", ".join(sorted({row["commit"] for row in rows}))
    return f"{found}\n\nTime over that of the ascent as it was, median: {_slower(rows):.2f}. Commit: {commits}."


def _slower(rows: list[Row]) -> float:
    took = {name: {key(row): row["seconds"] for row in rows if row["attack"] == name} for name in NAMES}
    return median(took["default"][problem] / before for problem, before in took["old"].items())


def _of_both(rows: list[Row]) -> list[str]:
    return [
        cell for name in NAMES for cell in _figures([min(row["share"], 1.0) for row in rows if row["attack"] == name])
    ]


def _figures(found: list[float]) -> list[str]:
    return [f"{mean(found):.3f}", f"{min(found):.2f}", percent(mean(share >= 0.99 for share in found))]
