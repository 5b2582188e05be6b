"""The best gains that are known on tiny problems, kept as a table: a line for a problem and pattern of labels."""

from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.tiny_problems import Outcome, Tiny, pattern
from benchmarks.tiny_reference import search
from patom.attacks.injection import Injection
from patom.paper.run import commit

_BEYOND = 1e-4  # relative gain above the best known one from which it is another


@dataclass(frozen=True)
class Known:
    """The best rows known, and who found them at which commit."""

    problem: Tiny
    pattern: list[float]  # drawn labels: task, label, task, label ...; empty where labels move
    gain: float
    by: str
    commit: str | None
    X: list[list[float]]
    y: list[float]
    task: list[int]

    @property
    def injection(self) -> Injection:
        """The rows as arrays."""
        return Injection(np.array(self.X), np.array(self.y), np.array(self.task))


Table = dict[Tiny, list[Known]]


def known(problem: Tiny, best: Injection, by: str) -> Known:
    """A line about these rows; the gain is measured anew."""
    rows = best.X.tolist(), best.y.tolist(), best.task_index.tolist()
    return Known(problem, labels_of(problem, best), problem.gain(best), by, stamp(), *rows)


@cache
def stamp() -> str | None:
    """The commit at the start: later this process's own tables would count as changes."""
    return commit()


def labels_of(problem: Tiny, injection: Injection) -> list[float]:
    """The pattern of an injection's labels, as ``Known`` has it."""
    return [value for pair in pattern(injection) for value in pair] if problem.labels == "drawn" else []


def searched(problem: Tiny) -> list[Known]:
    """By the search, for each drawn pattern of labels, or for labels that move."""
    moved = problem.labels == "moved"
    likes = problem.drawn[:1] if moved else problem.patterns
    found = [search(problem.program, like, moved=moved, seed=problem.seed).injection for like in likes]
    return [known(problem, best, "search") for best in found]


def raised(lines: list[Known], problem: Tiny, outcome: Outcome, by: str) -> list[Known]:
    """The lines, with the outcome of an attack where it goes beyond the one with its labels."""
    own = known(problem, outcome.injection, by)
    return [own if own.pattern == line.pattern and own.gain > line.gain * (1.0 + _BEYOND) else line for line in lines]


def read(path: Path) -> Table:
    """A kept table; an empty one where there is no file."""
    table: Table = {}
    for row in pq.read_table(path).to_pylist() if path.exists() else []:
        line = Known(**row | {"problem": Tiny(**row["problem"])})
        table.setdefault(line.problem, []).append(line)
    return table


def write(path: Path, table: Table) -> None:
    """Keep a table."""
    rows: list[dict[str, Any]] = [asdict(line) for lines in table.values() for line in lines]
    pq.write_table(pa.Table.from_pylist(rows), path, compression="zstd", compression_level=19)
