"""Results as tables for the terminal."""

from collections.abc import Sequence

from rich.table import Table

from benchmarks.attack_bench import AttackCase, SweepCase
from benchmarks.interleaved import Spread
from benchmarks.solver_bench import ALTERNATION, OURS, Case, Entry

_SOLVED = 1e-6  # relative excess over the certified lower bound; who ends above it is marked


def solver_times(cases: Sequence[Case]) -> Table:
    """A row a problem: PATOM's time and steps, then everybody's time over it."""
    others = _others(cases)
    table = _table(
        "Fit of problem (1): time over PATOM's, median (range) of the rounds; * ended over 1e-6 above the optimum",
        ["problem", "lambda", "rank"],
        ["PATOM, ms", "steps", *others],
    )
    for case in cases:
        ours, by_name = case.entries[0], {entry.contestant: entry for entry in case.entries}
        cells = [_times(by_name.get(name)) for name in others]
        table.add_row(*_head(case), f"{1e3 * ours.seconds.median:.1f}", str(ours.steps), *cells)
    return table


def solver_accuracy(cases: Sequence[Case]) -> Table:
    """A row a problem: how far each objective is above the certified lower bound; the alternation's gap."""
    names = [OURS, *_others(cases)]
    table = _table(
        "Objective over the certified lower bound, less 1; last, the alternation's relative gap, sweeps and status",
        ["problem", "lambda", "rank"],
        [*names, "gap of the alternation"],
    )
    for case in cases:
        by_name = {entry.contestant: entry for entry in case.entries}
        last = by_name[ALTERNATION]
        cells = [_excess(by_name.get(name)) for name in names]
        table.add_row(*_head(case), *cells, f"{last.gap:.0e}, {last.steps}, {last.status}")
    return table


def sweep_table(cases: Sequence[SweepCase]) -> Table:
    """A row a sweep: NumPy's time over the compiled code's."""
    labels = list(cases[0].ratios)
    table = _table(
        "PATOM's sweep: time of the NumPy loop over the compiled code's",
        ["attack"],
        ["injected rows", "samples", "NumPy, ms", *labels, "largest difference"],
    )
    for case in cases:
        sizes = [str(case.injected_rows), str(case.samples), f"{1e3 * case.numpy_seconds.median:.0f}"]
        ratios = [_ratio(case.ratios[label]) for label in labels]
        table.add_row(case.attack, *sizes, *ratios, f"{case.largest_difference:.0e}")
    return table


def attack_table(cases: Sequence[AttackCase]) -> Table:
    """A row an attack: where its time goes."""
    table = _table(
        "Where a PATOM run's time goes (10 iterations, digits)",
        ["attack", "lambda"],
        ["injected rows", "seconds", "solve", "sweep", "rest", "solver steps, random start and iterations"],
    )
    for case in cases:
        shares = [f"{share.median:.0%}" for share in (case.solve, case.sweep, case.rest)]
        steps = " ".join(str(count) for count in case.solver_steps)
        table.add_row(
            case.attack, f"{case.lam:g}", str(case.injected_rows), f"{case.seconds.median:.2f}", *shares, steps
        )
    return table


def _table(title: str, words: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for word in words:
        table.add_column(word, overflow="fold")
    for number in numbers:
        table.add_column(number, justify="right", overflow="fold")
    return table


def _head(case: Case) -> tuple[str, str, str]:
    return case.problem, f"{case.lam:g}", str(case.rank)


def _others(cases: Sequence[Case]) -> list[str]:
    return list(dict.fromkeys(entry.contestant for case in cases for entry in case.entries[1:]))


def _times(entry: Entry | None) -> str:
    if entry is None:
        return "-"
    return _ratio(entry.ratio) + (" *" if entry.excess > _SOLVED else "  ")


def _excess(entry: Entry | None) -> str:
    return "-" if entry is None else f"{entry.excess:.0e}"


def _ratio(ratio: Spread) -> str:
    return f"{ratio.median:.3g} ({ratio.low:.3g}-{ratio.high:.3g})"
