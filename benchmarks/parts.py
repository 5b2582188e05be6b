"""The parts of the benchmark: what each measures, the tables it becomes, the goals it answers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import (
    adjoint_bench,
    attack_bench,
    attack_tables,
    iteration_bench,
    limits,
    machine_tables,
    ridge_peers,
    ridge_tables,
    scale_bench,
    solver_bench,
    solver_tables,
    steps_bench,
    svm_peers,
)
from benchmarks.extent import Extent
from benchmarks.sheets import Json, Sheet

Cases = Sequence[Json]


@dataclass(frozen=True)
class Part:
    """``cases`` measures one after the other; ``tables`` and ``verdicts`` read them as the JSON file holds them.

    ``missing`` names what is not installed.
    """

    cases: Callable[[Extent], Iterator[Any]]
    tables: tuple[Callable[[Cases], Sheet], ...]
    verdicts: Callable[[Cases], Iterator[list[str]]] = lambda _: iter(())
    missing: Callable[[], list[str]] = lambda: []


PARTS: Mapping[str, Part] = {
    "limits": Part(
        limits.cases, (machine_tables.limits_table, machine_tables.shares_table), machine_tables.limits_verdicts
    ),
    "solver": Part(
        solver_bench.cases,
        (solver_tables.solver_times, solver_tables.solver_clocks, solver_tables.solver_gaps),
        solver_tables.solver_verdicts,
        solver_bench.missing,
    ),
    "lambdas": Part(solver_bench.lambda_cases, (solver_tables.lambda_times,), solver_tables.lambda_verdicts),
    "steps": Part(steps_bench.cases, (attack_tables.steps_table,), missing=solver_bench.torch_peers.missing),
    "iteration": Part(iteration_bench.cases, (attack_tables.iteration_table,), attack_tables.iteration_verdicts),
    "sweep": Part(attack_bench.sweeps, (attack_tables.sweep_table,)),
    "attack": Part(attack_bench.attacks, (attack_tables.attack_table,)),
    "adjoint": Part(adjoint_bench.cases, (attack_tables.adjoint_table,)),
    "scale": Part(
        scale_bench.cases, (machine_tables.scale_table, machine_tables.slopes_table), machine_tables.scale_verdicts
    ),
    "svm": Part(svm_peers.cases, (attack_tables.svm_table,), missing=svm_peers.absent),
    "ridge": Part(ridge_peers.cases, (ridge_tables.ridge_losses, ridge_tables.ridge_leads), missing=ridge_peers.absent),
}


def sheets(report: Json) -> Iterator[tuple[str, Sheet]]:
    """Every table of a report, each with its part; last the goals."""
    goals = Sheet("Goals: the worst case of each", ["goal"], ["worst", "cases", "verdict"])
    for name, part in PARTS.items():
        found = report.get(name)
        if not found:
            continue
        for table in part.tables:
            yield name, table(found)
        goals.rows.extend(part.verdicts(found))
    if goals.rows:
        yield "goals", goals
