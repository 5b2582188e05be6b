"""What the docs show of the referee, an attack from outside on defended models: the table of ``benchmarks.referee``."""

import pyarrow.parquet as pq

from evidence.markdown import table
from evidence.results import KEPT, Row
from patom.intervals import interval
from patom.paper.findings.rows import CONFIDENCE, grouped, within
from patom.wording import two_digits

_WHO = {
    "package": "the package's ascent, aim: the {package_aim}",
    "referee": "the referee's: {referee_from}",
    "joint": "the referee's, from the rows of both: {joint_from}",
}


def beside_package() -> str:
    """Each defense under the package's ascent and under the referee, who has her own code."""
    rows, lines = pq.read_table(KEPT / "referee.parquet").to_pylist(), []
    for part in grouped(rows, "case").values():
        levels = [_over(part, name) for name in ("clean", "package", "referee", "joint")]
        lines.append([part[0]["defense"].removesuffix(", known"), part[0]["metric"], *levels, _worst(part)])
    heads = ["defense", "", "clean", "the package", "the referee", "the referee, from both", "the worst, by seed"]
    seeds, commits = ({row[name] for row in rows} for name in ("seed", "commit"))
    return table(heads, lines) + f"\n\n{len(seeds)} seeds. Commit: {', '.join(sorted(commits))}."


def _over(rows: list[Row], column: str) -> str:
    return within(interval([row[column] for row in rows], CONFIDENCE), two_digits)


def _worst(rows: list[Row]) -> str:
    """Which attack does most to the metric on the targets' training rows, which is what attackers see."""
    found = []
    for row in sorted(rows, key=lambda row: row["seed"]):
        sign = 1.0 if row["metric"] == "NMSE" else -1.0
        name = max(_WHO, key=lambda who: sign * row[f"{who}_training"])
        found.append(_WHO[name].format(**row))
    return "; ".join(found)
