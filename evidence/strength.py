"""What the docs show of how far the ascent goes, from the table of ``benchmarks.strength``."""

from collections.abc import Callable

import pyarrow.parquet as pq

from evidence.markdown import table
from evidence.results import KEPT, Row
from patom.intervals import interval
from patom.paper.findings.rows import CONFIDENCE, grouped, within
from patom.wording import percent, two_digits


def _measured(part: str) -> list[Row]:
    return [row for row in pq.read_table(KEPT / "strength.parquet").to_pylist() if row["part"] == part]


def _over(rows: list[Row], column: str, words: Callable[[float], str] = two_digits) -> str:
    return within(interval([row[column] for row in rows], CONFIDENCE), words)


def _seeds(rows: list[Row]) -> str:
    commits = ", ".join(sorted({row["commit"] for row in rows if row["commit"]}))
    return f"\n\n{len({row['seed'] for row in rows})} seeds. Commit: {commits}."


def beside_old() -> str:
    """Rise of the training loss by the ascent as it was and as it is, at about equal time."""
    rows, lines = _measured("rows"), []
    for (data, lam, kind, labels), part in grouped(
        rows, lambda row: (row["data"], row["lambda"], row["kind"], row["labels"])
    ).items():
        both = {name: sorted(own, key=lambda row: row["seed"]) for name, own in grouped(part, "attack").items()}
        if set(both) != {"old", "now"}:
            continue
        lead = [now["rise"] / old["rise"] - 1.0 for old, now in zip(both["old"], both["now"], strict=True)]
        took = [sum(row["seconds"] for row in both[name]) for name in ("old", "now")]
        lines.append([
            kind, data, f"{lam:g}", labels, _over(both["old"], "rise", percent), _over(both["now"], "rise", percent),
            within(interval(lead, CONFIDENCE), percent), f"{took[1] / took[0]:.2f}",
        ])  # fmt: skip
    heads = ["attack", "data", "lambda", "labels", "as it was", "now", "now, relative", "time, relative"]
    return table(heads, sorted(lines, key=lambda line: line[0])) + _seeds(rows)


def tuned() -> str:
    """Digits with small lambdas: test AUC on a victim that keeps them and on one that tunes again."""
    rows = _measured("tuned")
    lines = [
        [
            "as it was" if attack == "old" else "now", "the loss" if aim == "loss" else "the AUC",
            _over(part, "metric"), _over(part, "tuned"), _over(part, "fits", lambda value: f"{value:.0f}"),
            _over(part, "seconds"),
        ]
        for (attack, aim), part in grouped(rows, lambda row: (row["attack"], row["aim"])).items()
    ]  # fmt: skip
    heads = ["ascent", "aim", "AUC, lambdas kept", "AUC, tuned again", "fits", "processor seconds"]
    return table(heads, sorted(lines)) + _seeds(rows)


def aims() -> str:
    """Digits at lambda 0.01: test AUC by the attacker's aim."""
    rows = _measured("auc")
    found = grouped(rows, lambda row: (row["set"], row["labels"]))
    lines = []
    for (chosen, labels), part in found.items():
        by_aim = grouped(part, "aim")
        targets = "0, 1, 2" if chosen == "first" else "drawn for each seed"
        lines.append([targets, labels, _over(by_aim["loss"], "metric"), _over(by_aim["auc"], "metric")])
    return table(["targets", "labels", "AUC, aim is the loss", "AUC, aim is the AUC"], sorted(lines)) + _seeds(rows)


def landmine() -> str:
    """Landmine behind ``Clip`` and ``Shares``, and without a filter."""
    rows = _measured("landmine")
    lines = [
        [defense, _over(part, "clean"), *(_over(grouped(part, "aim")[aim], "metric") for aim in ("loss", "auc"))]
        for defense, part in grouped(rows, "defense").items()
    ]
    return table(["filter", "AUC clean", "AUC, aim is the loss", "AUC, aim is the AUC"], lines) + _seeds(rows)
