"""``python -m benchmarks [--quick] [--out results.json]``: measure, print tables, write a JSON file."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn
from threadpoolctl import threadpool_limits

from benchmarks import attack_bench, machine, solver_bench, tables
from benchmarks.peers import PEERS


def main() -> None:
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else 160)
    begin, load = time.perf_counter(), machine.load_average()
    missing = sorted({package for peer in PEERS for package in peer.missing})
    if missing:
        console.print(f"Not installed, their contestants are skipped: {', '.join(missing)}.")
    _load_peers(missing)
    with threadpool_limits(limits=1):  # of BLAS and OpenMP, for everybody
        facts = machine.facts()
        cores = f"{facts['processor']}, {facts['cores']} cores"
        console.print(f"{cores}, load before {load}; one BLAS thread for all parties.")
        results = _measure(options.rounds, options.quick, console)
    for table in _tables(**results):
        console.print(table)
    settings = {"rounds": options.rounds, "quick": options.quick, "skipped": missing}
    loads = {"load_before": load, "load_after": machine.load_average()}
    report = {"machine": facts | loads, "settings": settings}
    report |= {name: [asdict(case) for case in found] for name, found in results.items()}
    options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    console.print(f"{options.out} written after {time.perf_counter() - begin:.0f} s.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure PATOM against its peers.")
    parser.add_argument("--quick", action="store_true", help="half a minute: 3 rounds, every other lambda")
    parser.add_argument("--rounds", type=int, default=None, help="runs of each contestant (default 5, quick 3)")
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


def _measure(rounds: int, quick: bool, console: Console) -> dict[str, list[Any]]:
    parts = {
        "solver": solver_bench.cases(rounds, quick=quick),
        "sweep": attack_bench.sweeps(rounds),
        "attack": attack_bench.attacks(rounds, quick=quick),
    }
    columns = (TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        return {name: list(_watched(name, part, progress)) for name, part in parts.items()}


def _watched(name: str, part: Iterator[Any], progress: Progress) -> Iterator[Any]:
    line = progress.add_task(name)
    for done, case in enumerate(part, start=1):
        progress.update(line, description=f"{name}: {done} measured")
        yield case
    progress.stop_task(line)


def _tables(solver: list[Any], sweep: list[Any], attack: list[Any]) -> list[Any]:
    return [
        tables.solver_times(solver),
        tables.solver_accuracy(solver),
        tables.sweep_table(sweep),
        tables.attack_table(attack),
    ]


if __name__ == "__main__":
    main()
