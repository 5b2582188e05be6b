"""``python -m benchmarks [--quick] [--only PART ...] [--out results.json]``: measure, print tables, write JSON."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks import adjoint_bench, attack_bench, machine, ridge_peers, solver_bench, tables
from benchmarks.peers import PEERS

_PARTS: dict[str, Callable[[int, bool], Iterator[Any]]] = {
    "solver": lambda rounds, quick: solver_bench.cases(rounds, quick=quick),
    "sweep": lambda rounds, quick: attack_bench.sweeps(rounds),  # noqa: ARG005
    "attack": lambda rounds, quick: attack_bench.attacks(rounds, quick=quick),
    "adjoint": lambda rounds, quick: adjoint_bench.cases(rounds, quick=quick),
    "ridge": lambda rounds, quick: ridge_peers.cases(rounds, quick=quick),
}
_TABLES: dict[str, Sequence[Callable[[list[Any]], Table]]] = {
    "solver": (tables.solver_times, tables.solver_accuracy),
    "sweep": (tables.sweep_table,),
    "attack": (tables.attack_table,),
    "adjoint": (tables.adjoint_table,),
    "ridge": (tables.ridge_losses, tables.ridge_leads),
}


def main() -> None:
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else 160)
    begin, load = time.perf_counter(), machine.load_average()
    missing = sorted({package for peer in PEERS for package in peer.missing})
    absent = ridge_peers.absent() if "ridge" in options.only else []
    if missing or absent:
        console.print(f"Not installed, their contestants are skipped: {', '.join(missing + absent)}.")
    _load_peers(missing)
    with threadpool_limits(limits=1):  # of BLAS and OpenMP, for everybody
        facts = machine.facts()
        cores = f"{facts['processor']}, {facts['cores']} cores"
        console.print(f"{cores}, load before {load}; one BLAS thread for all parties.")
        results = _measure(options.only, options.rounds, options.quick, console)
    for name, found in results.items():
        for table in _TABLES[name] if found else ():
            console.print(table(found))
    settings = {"rounds": options.rounds, "quick": options.quick, "skipped": missing + absent}
    loads = {"load_before": load, "load_after": machine.load_average()}
    report = {"machine": facts | loads, "settings": settings}
    report |= {name: [asdict(case) for case in found] for name, found in results.items()}
    options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    console.print(f"{options.out} written after {time.perf_counter() - begin:.0f} s.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure PATOM against its peers.")
    parser.add_argument("--quick", action="store_true", help="a few minutes: 3 rounds, fewer lambdas and budgets")
    parser.add_argument("--rounds", type=int, default=None, help="runs of each contestant (default 5, quick 3)")
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=list(_PARTS), help="parts (default: all)")
    default = Path(__file__).with_name("results.json")
    parser.add_argument("--out", type=Path, default=default, help="JSON file to write (default: %(default)s)")
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = 3 if options.quick else 5
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1; got {options.rounds}.")
    if not options.out.parent.is_dir():
        parser.error(f"--out: there is no folder {options.out.parent}.")
    return options


def _load_peers(missing: Sequence[str]) -> None:
    # Only libraries that are loaded when the thread limit is set are bound by it.
    for package in {"cvxpy", *(peer.package for peer in PEERS)} - set(missing):
        import_module(package)


def _measure(names: Sequence[str], rounds: int, quick: bool, console: Console) -> dict[str, list[Any]]:
    columns = (TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        return {name: list(_watched(name, _PARTS[name](rounds, quick), progress)) for name in names}


def _watched(name: str, part: Iterator[Any], progress: Progress) -> Iterator[Any]:
    line = progress.add_task(name)
    for done, case in enumerate(part, start=1):
        progress.update(line, description=f"{name}: {done} measured")
        yield case
    progress.stop_task(line)


if __name__ == "__main__":
    main()
