"""How the starts of an ascent differ: rows as drawn, placed in blocks, or brought from stronger penalties."""

from dataclasses import replace

import numpy as np

from patom.attacks.ascent.beyond import beyond
from patom.attacks.ascent.climb import Climb
from patom.attacks.ascent.placement import in_blocks
from patom.attacks.injection import Injection
from patom.attacks.lower_level import FilteredLevel
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.core.penalties.penalty import strength

TURNED = ("corners", "clusters")
"""Starts whose labels are flipped, where labels may move: farther from those of clean rows than ``draw`` alone."""
_STRONGER = (100.0, 10.0)  # times the lambdas
_WEAK = 1e-3  # of the loss's curvature, up to which lambdas count as weak


def further_starts(program: Bilevel) -> tuple[str, ...]:
    """What comes after the first start, in turn: features as ``draw`` knows them, "beyond", "blocks" or "weakening"."""
    first: tuple[str, ...] = ("see-saw",) if program.lower.accounts else ()
    first += ("beyond",) if isinstance(program.lower, FilteredLevel) else ()
    second = ("weakening",) if weakly_penalised(program) else ()
    return (*first, *second, "corners", "blocks", "clusters", "resampled", "uniform")


def weakly_penalised(program: Bilevel) -> bool:
    """Whether lambdas are so small that rows far from their best places feel next to no slope.

    Compared with the largest curvature that the loss has for a row of mean length.
    """
    rows = program.problem.rows
    curvature = program.problem.loss.curvature_bound * float(np.einsum("np,np->", rows.X, rows.X)) / rows.y.size
    return strength(program.problem.penalty) <= _WEAK * curvature


def begin(climb: Climb, start: str, injection: Injection, W: FloatArray, moves: int, rng: np.random.Generator) -> Climb:
    """The climb at its start from drawn rows, after about so many moves; fits before the first move count as moves.

    But for those of the places beyond a class, which are a dozen at most.
    """
    if start == "blocks" and moves:
        placed, W = in_blocks(climb.program.held(injection), injection, climb.size, rng, labels=climb.labels)
        return climb.begin(placed, W).on((moves + 1) // 2)
    if start == "beyond" and moves:
        rows, W = _best_beyond(climb, injection, W, rng)
        return climb.begin(rows, W).on(moves)
    if start == "weakening" and moves:
        held = climb.program.held(injection)
        for factor in _STRONGER:
            injection = replace(climb, program=stronger(held, factor)).begin(injection, W).on(moves // 2).rows
        return climb.begin(injection, W).on(moves // 2)
    return climb.begin(injection, W).on(moves)


def _best_beyond(
    climb: Climb, injection: Injection, W: FloatArray, rng: np.random.Generator
) -> tuple[Injection, FloatArray]:
    """Of the rows beyond a class those that do most to the victim, and the fit under them."""
    tried = []
    for rows in beyond(climb.program, injection, climb.size, rng, labels=climb.labels):
        found = climb.program.solve(rows, W, polish=False).W
        tried.append((climb.program.utility(found), rows, found))
    return max(tried, key=lambda one: one[0])[1:]


def stronger(program: Bilevel, factor: float) -> Bilevel:
    """The program of a victim with ``factor`` times the lambdas."""
    problem = replace(program.problem, penalty=program.problem.penalty.scaled(factor))
    return replace(program, lower=replace(program.lower, problem=problem))
