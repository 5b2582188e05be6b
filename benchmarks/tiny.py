"""``python -m benchmarks.tiny --out docs/results/tiny.parquet [--only ...]``: attacks beside the best known ones.

On problems so small that the best attack can be searched for (``tiny_problems``), each attack's share of the best known
gain of the targets' loss. The best known is what a search without the package's attacks found (``tiny_reference``), or
an attack that went beyond it. It is kept in ``--reference``, and computed only for problems that this does not hold;
that takes 15 minutes on one core, the attacks alone one or two.

Labels as drawn: the gain depends on which labels were drawn. The best known is the best over the three patterns that
the three starts of ``ProjectedAscent(random_state=seed)`` draw; a pattern is searched once. What an attack reaches with
other labels than these does not enter the best known, and its share may be above 1.
"""

import argparse
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.interleaved import timed
from benchmarks.tiny_problems import KINDS, LABELS, LOSSES, Tiny, pattern, problems
from benchmarks.tiny_reference import search
from patom import ProjectedAscent
from patom.attacks.injection import Injection
from patom.core.labels import positions
from patom.paper.run import commit

ATTACKS: dict[str, Callable[[bool], Any]] = {
    "default": lambda labels: ProjectedAscent(optimise_labels=labels),
    "one start": lambda labels: ProjectedAscent(optimise_labels=labels, n_starts=1),
}
PEER = "one start"
"""Whose seconds those of the others are compared with."""
Record = dict[str, Any]
SETTINGS = ("kind", "loss", "labels", "rows", "lambda_", "seed")


def settings(problem: Tiny) -> Record:
    return dict(zip(SETTINGS, problem.key, strict=True))


def reference(problem: Tiny) -> list[Record]:
    """The best rows that the search finds, for each drawn pattern of labels, or for labels that move."""
    likes = problem.patterns if problem.labels == "drawn" else problem.drawn[:1]
    found = []
    for like in likes:
        begin = time.perf_counter()
        best = search(problem, like).injection
        seconds = time.perf_counter() - begin
        found.append(known(problem, like, best, "search") | {"seconds": seconds})
    return found


def known(problem: Tiny, like: Injection, best: Injection, by: str) -> Record:
    """A line of the kept reference: a pattern of labels, the best rows known and who found them."""
    labels = [value for pair in pattern(like) for value in pair] if problem.labels == "drawn" else []
    return {
        **settings(problem), "pattern": labels, "gain": problem.gain(best), "by": by,
        "X": best.X.ravel().tolist(), "y": best.y.tolist(), "task": best.task_index.tolist(), "commit": commit(),
    }  # fmt: skip


def attacked(problem: Tiny, attack: Any) -> Record:
    """An attack's gain and seconds."""
    X, y, task = problem.data
    run = timed(lambda: attack.poison(problem.model, X, y, task=task, threat=problem.threat, random_state=problem.seed))
    found = run.outcome
    program = problem.program
    index = positions(found.task, program.problem.tasks, argument="task")
    injection = Injection(found.X, program.victim.known_targets(found.y), index)
    gain = found.utility / found.clean_utility - 1.0
    return {"gain": gain, "seconds": run.seconds, "status": found.status.name, "injection": injection}


def judged(problem: Tiny, known_ones: list[Record], outcomes: dict[str, Record]) -> list[Record]:
    """A line for each attack; ``known_ones`` take over what went beyond them."""
    for name, found in outcomes.items():
        own = known(problem, found["injection"], found["injection"], name)
        for line in known_ones:
            if line["pattern"] == own["pattern"] and own["gain"] > line["gain"] * (1 + 1e-9):
                line.update(own)
    best = max(known_ones, key=lambda line: line["gain"])
    return [
        {
            **settings(problem), "attack": name, "gain": found["gain"], "best": best["gain"], "best_by": best["by"],
            "share": found["gain"] / best["gain"], "seconds": found["seconds"], "status": found["status"],
            "commit": commit(),
        }
        for name, found in outcomes.items()
    ]  # fmt: skip


def summary(rows: list[Record], by: Iterable[str], title: str) -> Table:
    """Shares of the best known gain, and time over that of the peer, by settings."""
    by = list(by)
    table = Table(title=title, title_justify="left")
    for name in ("attack", *by):
        table.add_column(name, overflow="fold", no_wrap=True)
    for name in ("problems", "mean", "least", ">= 0.99", "< 0.9", f"time / {PEER}", "ms"):
        table.add_column(name, justify="right")
    peers = {tuple(row[name] for name in SETTINGS): row["seconds"] for row in rows if row["attack"] == PEER}
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in ("attack", *by)), []).append(row)
    for key, part in sorted(groups.items(), key=lambda pair: str(pair[0])):
        shares = np.array([row["share"] for row in part])
        times = [row["seconds"] / peers[k] for row in part if (k := tuple(row[name] for name in SETTINGS)) in peers]
        table.add_row(
            *map(str, key), str(shares.size), f"{shares.mean():.4f}", f"{shares.min():.3f}",
            f"{np.mean(shares >= 0.99):.0%}", f"{np.mean(shares < 0.9):.0%}",
            f"{np.median(times):.2f}" if times else "-",
            f"{1e3 * np.median([row['seconds'] for row in part]):.0f}",
        )  # fmt: skip
    return table


def read(path: Path) -> list[Record]:
    return pq.read_table(path).to_pylist() if path.exists() else []


def write(path: Path, rows: list[Record]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path, compression="zstd", compression_level=19)


def chosen(words: list[str], seeds: int) -> list[Tiny]:
    """Problems whose kind, loss and labels are all among the words, where the words name any."""
    families = [set(words) & set(names) for names in (KINDS, LOSSES, LABELS)]
    return [
        problem
        for problem in problems(seeds)
        if all(not f or value in f for f, value in zip(families, problem.key[:3], strict=True))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tiny")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--reference", type=Path, default=Path("docs/results/tiny_reference.parquet"))
    parser.add_argument("--only", nargs="+", choices=[*KINDS, *LOSSES, *LABELS], default=[])
    parser.add_argument("--attack", nargs="*", choices=list(ATTACKS), default=list(ATTACKS))
    parser.add_argument("--seeds", type=int, default=1, help="problems of each setting")
    options = parser.parse_args()
    console = Console(width=120)
    lines: dict[tuple[Any, ...], list[Record]] = {}
    for line in read(options.reference):
        lines.setdefault(tuple(line[name] for name in SETTINGS), []).append(line)
    rows: list[Record] = []
    attacks = {name: ATTACKS[name] for name in options.attack}
    for problem in track(chosen(options.only, options.seeds), console=console, transient=True):
        if problem.key not in lines:
            lines[problem.key] = reference(problem)
            write(options.reference, [line for part in lines.values() for line in part])
        outcomes = {name: attacked(problem, make(problem.labels == "moved")) for name, make in attacks.items()}
        rows += judged(problem, lines[problem.key], outcomes)
    write(options.reference, [line for part in lines.values() for line in part])
    if rows:
        write(options.out, rows)
        for by in ((), ("kind", "labels"), ("rows",), ("kind", "loss", "labels")):
            console.print(summary(rows, by, "Share of the best known gain" + (f", by {', '.join(by)}" if by else "")))


if __name__ == "__main__":
    main()
