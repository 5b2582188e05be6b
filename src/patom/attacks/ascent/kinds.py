"""Many accounts as a few kinds of identical ones: the cost of an ascent then does not depend on their number.

c accounts with the same rows are one column of W (``LowerLevel.repeated``), and c may be any number above 0. So rows
climb for a few kinds, then the numbers of accounts of each kind climb on the simplex, and are rounded at the end.
"""

from dataclasses import replace

import numpy as np

from patom.attacks.base import Run
from patom.attacks.gradients import ROUGH, adjoint, through_copies
from patom.attacks.injection import Injection
from patom.attacks.lower_level import LowerLevel
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray, IntArray
from patom.core.grouped import whole_rows
from patom.core.rows import TaskRows

_STEPS = 12  # of the numbers of accounts
_LEAST = 1e-3  # share of all accounts below which no kind falls on the way
_EQUAL = 1e-9  # spread of the slopes over their size, up to which they count as equal
_HALVINGS = 4  # of a step that does not rise


def may_be_few(program: Bilevel, kinds: int) -> bool:
    """Whether there are more accounts than kinds, all with as many rows, and a victim that only solves (1)."""
    k = program.lower.accounts
    own = program.counts[program.counts.size - k :]
    return k > kinds and type(program.lower) is LowerLevel and bool((own == own[0]).all())


def few(program: Bilevel, kinds: int) -> Bilevel:
    """The program with as many accounts as kinds, each of which stands for an equal number of all."""
    problem, k = program.problem, program.lower.accounts
    m = problem.rows.n_tasks - k
    t = m + kinds
    weighing = None if problem.rows.weighing is None else problem.rows.weighing.among(np.arange(t))
    rows = problem.rows
    rows = TaskRows(rows.X, rows.y, rows.offsets[: t + 1], shares=rows.shares, weighing=weighing)
    lower = replace(program.lower, problem=replace(problem, rows=rows, tasks=problem.tasks[:t]), accounts=kinds)
    terms = tuple(replace(term, offsets=term.offsets[: t + 1]) for term in program.aim.terms)
    number = program.places.number
    return replace(
        program,
        lower=lower.repeated(np.full(kinds, k / kinds)),
        aim=replace(program.aim, terms=terms),
        attackers=program.attackers[program.attackers < t],
        counts=program.counts[program.attackers < t],
        places=program.places if number is None else replace(program.places, number=number[:t]),
        label_bounds=(program.label_bounds[0][:t], program.label_bounds[1][:t]),
        theirs=None if program.theirs is None else program.theirs[:t],
    )


def climb_copies(program: Bilevel, injection: Injection, start: FloatArray) -> Bilevel:
    """The program with better numbers of accounts of each kind, by projected gradient steps that rise."""
    copies = program.lower.copies
    assert copies is not None
    total, W = float(copies.sum()), program.solve(injection, start).W
    here, step = program.utility(W), 1.0
    for _ in range(_STEPS):
        slopes = through_copies(program, injection, W, adjoint(program, injection, W, accuracy=ROUGH)[0].v)
        spread = float(np.ptp(slopes))
        if spread <= _EQUAL * float(np.abs(slopes).max()):
            break
        slopes -= slopes.mean()  # what is common to all kinds moves nobody, and would take the digits of what is not
        for _ in range(_HALVINGS):
            moved = on_simplex(copies + step * total / spread * slopes, total, _LEAST * total)
            ahead = replace(program, lower=program.lower.repeated(moved))
            V = ahead.solve(injection, W).W
            there = ahead.utility(V)
            if there > here:
                break
            step *= 0.25
        else:
            break
        program, copies, W, here, step = ahead, moved, V, there, 2.0 * step
    return program


def on_simplex(wanted: FloatArray, total: float, least: float) -> FloatArray:
    """The nearest numbers that are at least ``least`` and add up to ``total``.

    >>> on_simplex(np.array([3.0, 1.0, -2.0]), 3.0, 0.5)
    array([2. , 0.5, 0.5])
    """
    room, above = total - least * wanted.size, np.sort(wanted - least)[::-1]
    excess = (np.cumsum(above) - room) / np.arange(1, wanted.size + 1)
    return np.asarray(np.maximum(wanted - least - excess[np.flatnonzero(above > excess)[-1]], 0.0) + least)


def rounded(copies: FloatArray, total: int) -> IntArray:
    """Whole numbers with this total: each its number rounded down, the rest to those with the most left over.

    >>> rounded(np.array([2.6, 0.3, 1.1]), 4)
    array([3, 0, 1])
    """
    whole = whole_rows(copies)
    most = np.argsort(whole - copies, kind="stable")
    whole[most[: total - whole.sum()]] += 1
    return whole


def expanded(program: Bilevel, fewer: Bilevel, injection: Injection) -> Injection:
    """The rows of all accounts of ``program``, those of each kind as often as ``fewer`` has accounts of it."""
    assert fewer.lower.copies is not None
    m, k = program.lower.honest_tasks, program.lower.accounts
    kinds = m + np.repeat(np.arange(fewer.lower.accounts), rounded(fewer.lower.copies, k))
    old = np.flatnonzero(injection.task_index < m)
    own = [np.flatnonzero(injection.task_index == kind) for kind in kinds]
    chosen = injection.chosen(np.concatenate([old, *own]))
    accounts = np.repeat(m + np.arange(k), [rows.size for rows in own])
    return replace(chosen, task_index=np.append(injection.task_index[old], accounts))


def spread_out(program: Bilevel, fewer: Bilevel, run: Run) -> Run:
    """A run on kinds as one on all accounts: the numbers climb and are rounded, and all is solved once more."""
    W = fewer.clean.W
    fewer = climb_copies(fewer, run.injection, W)
    run.injection = expanded(program, fewer, run.injection)
    run.fit(program, run.records[-1][0] + 1, program.clean.W)
    return run
