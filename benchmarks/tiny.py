"""``python -m benchmarks.tiny --out docs/results/tiny.parquet [--only ...]``: attacks beside the best known ones.

On problems so small that the best attack can be searched for (``tiny_problems``), each attack's share of the best known
rise of the targets' loss. The best known is what a search without the package's attacks found (``tiny_reference``), or
an attack of the package that went beyond it. It is kept in ``--reference`` (``tiny_known``) and searched for only where
that holds nothing of a problem, which takes some 15 minutes on one core for all; the attacks alone take one or two.

Labels as drawn: the rise depends on which labels were drawn. The best known is the best over the three patterns that
the first three starts of ``ProjectedAscent(random_state=seed)`` draw, each searched for the best features. Rows with
other labels than these do not enter the best known, and are counted as "other labels"; their share may be above 1.
"""

import argparse
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import track

from benchmarks import tiny_known
from benchmarks.tiny_old import OldPackage
from benchmarks.tiny_problems import KINDS, LABELS, LOSSES, Outcome, Tiny, attacked, problems
from benchmarks.tiny_tables import PEER, tables
from patom import ProjectedAscent

Contestant = Callable[[Tiny], Outcome]
NAMES = ("default", PEER)


def default(problem: Tiny) -> Outcome:
    """``ProjectedAscent`` as it is."""
    return attacked(problem, ProjectedAscent(optimise_labels=problem.labels == "moved"))


def judged(problem: Tiny, lines: list[tiny_known.Known], outcomes: Mapping[str, Outcome]) -> list[dict[str, Any]]:
    """A row for each attack."""
    best = max(lines, key=lambda line: line.gain)
    patterns = [line.pattern for line in lines]
    rows = []
    for name, found in outcomes.items():
        other = tiny_known.labels_of(problem, found.injection) not in patterns
        rows.append(
            asdict(problem) | {
                "attack": name, "gain": found.gain, "best": best.gain, "best_by": best.by,
                "share": share(found.gain, best.gain), "other_labels": other, "seconds": found.seconds,
                "status": found.status, "commit": tiny_known.stamp(),
            }
        )  # fmt: skip
    return rows


def share(gain: float, best: float) -> float:
    """Of the best known gain; where even that is a loss, 1 less what the attack falls short of it.

    >>> share(0.3, 0.4), share(-0.02, -0.01)
    (0.75, 0.99)
    """
    return gain / best if best > 0.0 else 1.0 - (best - gain)


def chosen(words: list[str], seeds: int) -> list[Tiny]:
    """Problems whose kind, loss and labels are among the words, where the words name any."""
    families = [set(words) & set(names) for names in (KINDS, LOSSES, LABELS)]
    return [
        problem
        for problem in problems(seeds)
        if all(not f or value in f for f, value in zip(families, problem.key[:3], strict=True))
    ]


def measured(
    chosen: list[Tiny], contestants: Mapping[str, Contestant], path: Path, console: Console
) -> list[dict[str, Any]]:
    """A row for each problem and attack; the reference at ``path`` takes in what was missing or surpassed."""
    table, rows = tiny_known.read(path), []
    for problem in {each.loss: each for each in chosen}.values():
        for contestant in contestants.values():
            contestant(problem)  # compiled code warms up
    for problem in track(chosen, console=console, transient=True):
        before = table.get(problem, [])
        lines = before or tiny_known.searched(problem)
        outcomes = {name: contestant(problem) for name, contestant in contestants.items()}
        for name, outcome in outcomes.items():
            lines = tiny_known.raised(lines, problem, outcome, name)
        if lines != before:
            table[problem] = lines
            tiny_known.write(path, table)
        rows += judged(problem, lines, outcomes)
    return rows


def keep(rows: list[dict[str, Any]], path: Path) -> None:
    """Add rows to the table at ``path``, in place of those of the same problems and attacks."""
    names = [field.name for field in fields(Tiny)] + ["attack"]
    kept = pq.read_table(path).to_pylist() if path.exists() else []
    table = {tuple(row[name] for name in names): row for row in [*kept, *rows]}
    pq.write_table(pa.Table.from_pylist(list(table.values())), path, compression="zstd", compression_level=19)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tiny")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--reference", type=Path, default=Path("docs/results/tiny_reference.parquet"))
    parser.add_argument("--only", nargs="+", choices=[*KINDS, *LOSSES, *LABELS], default=[], metavar="NAME")
    parser.add_argument("--attack", nargs="*", choices=NAMES, default=NAMES, help="none: the reference alone")
    parser.add_argument("--seeds", type=int, default=1, help="problems of each setting, default 1")
    options = parser.parse_args()
    console = Console(width=120)
    with ExitStack() as stack:
        makers: dict[str, Callable[[], Contestant]] = {
            "default": lambda: default,
            PEER: lambda: stack.enter_context(OldPackage()).attacked,
        }
        contestants = {name: makers[name]() for name in options.attack}
        rows = measured(chosen(options.only, options.seeds), contestants, options.reference, console)
    if rows:
        keep(rows, options.out)
        for table in tables(rows):
            console.print(table)


if __name__ == "__main__":
    main()
