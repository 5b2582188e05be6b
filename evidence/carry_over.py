"""Whether defenses carry over to tables that chose nothing, from the table of ``benchmarks.carry_over``."""

import numpy as np
import pyarrow.parquet as pq

from evidence.markdown import table
from evidence.results import KEPT, Row
from patom.intervals import Interval, interval, prevented
from patom.paper.findings.rows import CONFIDENCE, grouped, within
from patom.wording import listed, percent, two_digits

MOST_COST = 0.1
"""Of a defense to choose, on average over tables."""


def shares() -> str:
    """What each defense prevents on each table, by an attacker who knows it."""
    parts = []
    for kind, rows in grouped(_rows(), "kind").items():
        names, lines = list(dict.fromkeys(row["defense"] for row in rows)), []
        for (near, name), part in sorted(grouped(rows, lambda row: (row["near"], row["table"])).items()):
            by = grouped(part, "defense")
            levels = [_mean(part, column) for column in ("clean", "attacked")]
            lines.append([f"{name} (settings were tried near it)" if near else name, *levels, *(
                _word(_prevented(by[defense])) for defense in names
            )])  # fmt: skip
        lines.append(["**mean over tables**", "", "", *(_over_tables(rows, defense) for defense in names)])
        metric = "NMSE" if kind == "regression" else "1 - AUC"
        parts.append(table([kind, f"{metric}, clean", "attacked", *names], lines))
    return "\n\n".join(parts) + _seeds()


def left_out() -> str:
    """For each table the defense that the others of its kind would choose, and what it does on this one."""
    lines, harmed = [], []
    for kind, rows in grouped(_rows(), "kind").items():
        for name in dict.fromkeys(row["table"] for row in rows):
            chosen = chosen_by([row for row in rows if row["table"] != name])
            if chosen is None:
                lines.append([kind, name, "none", "", ""])
                continue
            own = [row for row in rows if row["table"] == name and row["defense"] == chosen]
            share, cost = _prevented(own), _cost(own)
            harmed += [name] if share.mean is not None and share.mean < 0.0 else []
            lines.append([kind, name, chosen, _word(share), percent(cost)])
    said = f"It made things worse on {listed(harmed)}." if harmed else "It made things worse on none."
    return table(["kind", "left out", "chosen by the others", "prevented", "cost"], lines) + f"\n\n{said}" + _seeds()


def chosen_by(rows: list[Row]) -> str | None:
    """The defense that prevents most on average, if its interval over tables is above 0 and it costs little."""
    found = []
    for defense, part in grouped(rows, "defense").items():
        tables = list(grouped(part, "table").values())
        over = interval([mean for one in tables if (mean := _prevented(one).mean) is not None], CONFIDENCE)
        cost = float(np.mean([_cost(one) for one in tables]))
        if over.low is not None and over.low > 0.0 and cost <= MOST_COST:
            found.append((over.mean, defense))
    return max(found)[1] if found else None


def _rows() -> list[Row]:
    rows: list[Row] = pq.read_table(KEPT / "carry_over.parquet").to_pylist()
    return sorted(rows, key=lambda row: row["kind"], reverse=True)


def _prevented(rows: list[Row]) -> Interval:
    """Paired by seed; damage counts from the better of the two clean models: a better one prevents nothing."""
    left = [row["known"] - min(row["clean"], row["defended_clean"]) for row in rows]
    return prevented(left, [row["attacked"] - row["clean"] for row in rows], CONFIDENCE)


def _cost(rows: list[Row]) -> float:
    """By how much the clean NMSE rises, or the clean AUC falls, relatively."""
    unit = [row["clean"] if row["kind"] == "regression" else 1.0 - row["clean"] for row in rows]
    lost = [row["defended_clean"] - row["clean"] for row in rows]
    return float(np.mean(np.divide(lost, unit)))


def _mean(rows: list[Row], column: str) -> str:
    return two_digits(float(np.mean([row[column] for row in rows])))


def _over_tables(rows: list[Row], defense: str) -> str:
    own = grouped([row for row in rows if row["defense"] == defense], "table").values()
    cost = percent(float(np.mean([_cost(one) for one in own])))
    return f"{within(interval([_prevented(one).mean for one in own], CONFIDENCE), percent)}; cost {cost}"


def _word(share: Interval) -> str:
    return "no damage" if share.mean is None else percent(share.mean)


def _seeds() -> str:
    rows = _rows()
    commits = ", ".join(sorted({row["commit"] for row in rows}))
    return f"\n\n{len({row['seed'] for row in rows})} seeds. Commit: {commits}."
