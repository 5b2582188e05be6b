"""``python -m benchmarks [--quick | --slow] [--only PART ...] [--out results.json]``: measure, print, write JSON.

``python -m benchmarks --markdown results.json`` prints a report's tables as Markdown; with ``--into
docs/benchmarks.md`` it puts them into their places there.
"""

import argparse
import json
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn
from threadpoolctl import threadpool_limits

from benchmarks import docs, machine
from benchmarks.extent import Extent
from benchmarks.parts import PARTS, sheets

_LOADED_FIRST = ("cvxpy", "clarabel", "scs", "torch")


def main() -> None:
    options = _options()
    if options.markdown is not None:
        _write_tables(json.loads(options.markdown.read_text(encoding="utf-8")), options.into)
        return
    console = Console(width=None if sys.stdout.isatty() else 200)
    begin = time.perf_counter()
    missing = sorted({name for part in options.only for name in PARTS[part].missing()})
    if missing:
        console.print(f"Not installed, their contestants are skipped: {', '.join(missing)}.")
    extent = Extent(options.rounds, options.quick, options.slow)
    with _one_blas_thread():  # for everybody
        report: dict[str, Any] = {
            "machine": machine.facts() | {"load_before": machine.load_average()},
            "settings": asdict(extent) | {"parts": options.only, "skipped": missing},
        }
        cores = f"{report['machine']['processor']}, {report['machine']['cores']} cores"
        console.print(f"{cores}, load before {report['machine']['load_before']}; one BLAS thread for all parties.")
        failed = _measure(options.only, extent, report, options.out, console)
    for _, sheet in sheets(report):
        console.print(sheet.rich())
    console.print(f"{options.out} written after {time.perf_counter() - begin:.0f} s.")
    for name, error in failed.items():
        console.print(f"{name} failed: {error}", style="red", markup=False)
    sys.exit(1 if failed else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure PATOM against its peers.")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="a few minutes: 3 rounds, fewer settings")
    length.add_argument("--slow", action="store_true", help="hours: no round left out, and whoever takes minutes")
    parser.add_argument("--rounds", type=int, default=None, help="runs of each contestant (default 5, quick 3)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts (default: all)")
    default = Path(__file__).with_name("results.json")
    parser.add_argument("--out", type=Path, default=default, help="JSON file to write (default: %(default)s)")
    parser.add_argument("--markdown", type=Path, metavar="RESULTS", help="measure nothing; print this file's tables")
    parser.add_argument("--into", type=Path, metavar="DOCS", help="with --markdown: put them into this file's places")
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = 3 if options.quick else 5
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1; got {options.rounds}.")
    if not options.out.parent.is_dir():
        parser.error(f"--out: there is no folder {options.out.parent}.")
    for name, path in (("--markdown", options.markdown), ("--into", options.into)):
        if path is not None and not path.is_file():
            parser.error(f"{name}: there is no file {path}.")
    if options.into is not None and options.markdown is None:
        parser.error("--into needs --markdown, the report whose tables it is to take.")
    return options


def _write_tables(report: dict[str, Any], into: Path | None) -> None:
    if into is None:
        print(docs.markdown(report), end="")
        return
    into.write_text(docs.filled(into.read_text(encoding="utf-8"), report), encoding="utf-8")


def _one_blas_thread() -> threadpool_limits:
    # Only libraries that are loaded when the limit is set are bound by it.
    for package in _LOADED_FIRST:
        if find_spec(package):
            import_module(package)
    if find_spec("torch"):
        import_module("torch").set_num_threads(1)
    return threadpool_limits(limits=1)


def _measure(
    names: Sequence[str], extent: Extent, report: dict[str, Any], out: Path, console: Console
) -> dict[str, str]:
    """Fill the report, written after each case; a part that fails does not take the others with it."""
    columns = (TextColumn("{task.description}"), TimeElapsedColumn())
    failed: dict[str, str] = {}
    took = report["settings"]["seconds"] = {}
    with Progress(*columns, console=console, transient=True) as progress:
        for name in names:
            line, began, report[name] = progress.add_task(name), time.perf_counter(), []
            try:
                for case in PARTS[name].cases(extent):
                    report[name].append(asdict(case))
                    took[name] = time.perf_counter() - began
                    progress.update(line, description=_tell(console, name, len(report[name]), took[name]))
                    _write(report, out)
            except Exception:
                failed[name] = traceback.format_exc()
            progress.stop_task(line)
            took[name] = time.perf_counter() - began
            console.print(f"{name}: {len(report[name])} cases in {took[name]:.0f} s")
            report["settings"]["failed"] = failed
            _write(report, out)
    return failed


def _tell(console: Console, name: str, done: int, took: float) -> str:
    """How far a part is; a terminal shows the last word, a file has them all."""
    word = f"{name}: {done} measured"
    if not console.is_terminal:
        console.print(f"{word}, {took:.0f} s")
    return word


def _write(report: dict[str, Any], out: Path) -> None:
    report["machine"]["load_after"] = machine.load_average()
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
