"""Results as tables for the terminal."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from benchmarks.adjoint_bench import TOLERANCES, AdjointCase
from benchmarks.attack_bench import AttackCase, SweepCase
from benchmarks.interleaved import Spread
from benchmarks.ridge_peers import LEADS, RUNS, Reading, RidgeCase
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


def adjoint_table(cases: Sequence[AdjointCase]) -> Table:
    """A row a warm solve and the linear systems beside it."""
    table = _table(
        "The exact gradient's linear system, its time over that of the warm solve beside it",
        ["data", "attack", "lambda", "move before"],
        ["solve, ms", *(f"to {tolerance}" for tolerance in TOLERANCES)],
    )
    for case in cases:
        ratios = [f"{found.median:.2f} ({found.low:.2f} to {found.high:.2f})" for found in case.ratios.values()]
        milliseconds = f"{1e3 * case.solve_seconds.median:.1f}"
        table.add_row(case.data, case.kind, f"{case.lam:g}", case.move, milliseconds, *ratios)
    return table


def ridge_losses(cases: Sequence[RidgeCase]) -> Table:
    """A row a problem and a peer: what both reached, in how many refits and seconds."""
    table = _table(
        "One task against other poisoners: loss of the clean rows, refits and seconds, medians over the seeds",
        ["problem", "budget", "lambda", "peer", "labels"],
        ["clean", "start", "PATOM", "peer after as many refits", "peer, whole run", "PATOM, up to as many refits"],
    )
    for case in cases:
        cells = [_reading(case.readings[name]) for name in RUNS]
        table.add_row(*_ridge_head(case), f"{case.clean_loss:.4g}", f"{case.start_loss:.4g}", *cells)
    return table


def ridge_leads(cases: Sequence[RidgeCase]) -> Table:
    """A row a problem and a peer: our loss over the peer's, and the peer's time over ours."""
    table = _table(
        "PATOM's loss over the other poisoner's, less 1: mean [95 % interval] of paired differences over the seeds;\n"
        "last, seconds of the peer's whole run over those of PATOM's own, median (range)",
        ["problem", "budget", "lambda", "peer", "labels"],
        [*(f"after {name}" for name in LEADS), "time of the peer"],
    )
    for case in cases:
        leads = [_lead(case.leads[name]) for name in LEADS]
        table.add_row(*_ridge_head(case), *leads, _ratio(case.time_ratio))
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


def _ridge_head(case: RidgeCase) -> tuple[str, ...]:
    return case.data, f"{case.budget:g}", f"{case.lam:g}", case.peer, case.labels


def _reading(reading: Reading) -> str:
    return f"{reading.loss.median:.4g}, {reading.refits.median:.0f}, {reading.seconds.median:.2g} s"


def _lead(lead: Mapping[str, float | None]) -> str:
    mean, low, high = (lead[name] for name in ("mean", "low", "high"))
    return f"{mean:+.1%}" if low is None or high is None else f"{mean:+.1%} [{low:+.1%}, {high:+.1%}]"


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
