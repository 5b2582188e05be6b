"""Where a row does most harm: its effect, exact however far it moves, over all that may be injected.

Two uses: rows placed one block after another before a climb, and rows that contribute little placed anew after one.
"""

from dataclasses import replace

import numpy as np

from patom.attacks.ascent.climb import Climb
from patom.attacks.gradients import ROUGH, adjoint
from patom.attacks.injection import Injection, stacked
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray, IntArray

BLOCKS = 8  # of rows that are placed one after another
_ANGLES = 48  # directions in span{w, v} that are tried first
_NEAR = 9  # directions that are tried around the best one
_ROUNDS = 3  # of directions, ever nearer
_FAR = 1e6  # times the size of what is known of the region: beyond it
_AT_A_TIME = 2**22  # numbers, of directions that are tried
_DETOUR = 6  # moves after rows were placed anew
_JITTER = 0.02  # of the region's size, so that rows of one place can part


def effects(program: Bilevel, W: FloatArray, v: FloatArray, injection: Injection) -> FloatArray:
    """Each row's first-order effect, shape (r,), without the part that is the same for all rows of its task.

    E(x, y) = -l'(w_i'x, y) v_i'x c_i/(n_i + n^_i), with the weights W and the adjoint v of a fit that it joins. It is
    exact in the row's own place and first order in its weight.
    """
    along = np.einsum("rp,rp->r", program.lower.entering(injection), v[injection.task_index])
    return np.asarray(program.lower.duals(injection, W) * along)


def best_places(program: Bilevel, W: FloatArray, v: FloatArray, rows: Injection, size: float) -> Injection:
    """For each row the place of the largest effect in its task, with its label.

    E depends on a row through two numbers, w_i'x and v_i'x, and for a given w_i'x it is linear in v_i'x. So the best
    place is on the boundary of the region's image in these two numbers, and each such point is the farthest of the
    region in some direction a w_i + b v_i. The farthest point is the projection of one far out. Directions are tried
    all around, then near the best one. Rows of one task and label have one place.
    """
    d = rows.X.shape[1]
    kinds, which = np.unique(np.column_stack([rows.task_index, rows.y]), axis=0, return_inverse=True)
    at_a_time = max(1, _AT_A_TIME // (_ANGLES * d))
    parts = [kinds[first : first + at_a_time] for first in range(0, kinds.shape[0], at_a_time)]
    found = [_best_places(program, W, v, part[:, 0].astype(np.int64), part[:, 1], size) for part in parts]
    return replace(rows, X=np.concatenate(found)[which.ravel()])


def _best_places(
    program: Bilevel, W: FloatArray, v: FloatArray, tasks: IntArray, y: FloatArray, size: float
) -> FloatArray:
    """Of one row for each of these tasks and labels, shape (k, d)."""
    d = W.shape[1] - 1
    like = Injection(np.zeros((tasks.size, d)), y, tasks)
    middle = program.project(like.X, like)
    axes = _unit(W[like.task_index, :d]), _unit(v[like.task_index, :d])
    angles = np.linspace(0.0, 2.0 * np.pi, _ANGLES, endpoint=False)[:, None]
    near, width = np.linspace(-1.0, 1.0, _NEAR)[:, None], 2.0 * np.pi / _ANGLES
    for _ in range(_ROUNDS):
        angles = np.broadcast_to(angles, (angles.shape[0], like.y.size))
        ahead = np.cos(angles)[:, :, None] * axes[0] + np.sin(angles)[:, :, None] * axes[1]
        tried = stacked([replace(like, X=middle + _FAR * size * direction) for direction in ahead])
        tried = replace(tried, X=program.project(tried.X, tried))
        best = effects(program, W, v, tried).reshape(angles.shape).argmax(axis=0)
        found = tried.X.reshape(ahead.shape)[best, np.arange(best.size)]
        angles = angles[best, np.arange(best.size)] + width * near
        width *= 2.0 / (_NEAR - 1)
    return np.asarray(found)


def with_best_label(program: Bilevel, W: FloatArray, v: FloatArray, rows: Injection, size: float) -> Injection:
    """As ``best_places``, each row with the better of the two labels that are furthest apart.

    The effect is monotone in a regression's target, so that none in between does better.
    """
    low, high = program.extremes(rows.task_index)
    both = stacked([best_places(program, W, v, replace(rows, y=y), size) for y in (low, high)])
    better = np.argmax(effects(program, W, v, both).reshape(2, -1), axis=0) * rows.y.size + np.arange(rows.y.size)
    return both.chosen(better)


def placed(
    program: Bilevel,
    W: FloatArray,
    v: FloatArray,
    rows: Injection,
    size: float,
    rng: np.random.Generator,
    *,
    labels: bool,
) -> Injection:
    """Rows at their best places, ``labels`` with the better label too, each moved a little so that they can part."""
    found = (with_best_label if labels else best_places)(program, W, v, rows, size)
    jitter = rng.standard_normal(found.X.shape) * (_JITTER * size / np.sqrt(found.X.shape[1]))
    return replace(found, X=program.project(found.X + jitter, found))


def in_blocks(
    program: Bilevel, start: Injection, size: float, rng: np.random.Generator, *, labels: bool
) -> tuple[Injection, FloatArray]:
    """Rows placed block after block, the others at the region's middle until their turn, and the fit at the end.

    Each block sees the weights and the adjoint after those before it. Costs a fit and a linear system for each.
    """
    here = replace(start, X=program.project(np.zeros(start.X.shape), start))
    W = program.solve(here, program.clean.W).W
    for block in np.array_split(rng.permutation(start.y.size), min(BLOCKS, start.y.size)):
        v = adjoint(program, here, W, accuracy=ROUGH)[0].v
        here = moved(here, block, placed(program, W, v, here.chosen(block), size, rng, labels=labels))
        W = program.solve(here, W).W
    return here, W


def relocate(climb: Climb, rounds: int, most: int, rng: np.random.Generator) -> None:
    """Place anew the rows whose effect lags most behind that of their best place, and climb from there.

    What is higher is kept, and the next round moves as many rows; after a failure fewer. Ends early with less than
    half a row to move, or after ``most`` moves of the climb in all; a placement counts as one.
    """
    share = 1.0
    for _ in range(rounds):
        if climb.tried >= most:
            return
        here, W = climb.rows, climb.best.solution.W
        program = climb.program.held(here)
        v = adjoint(program, here, W, accuracy=ROUGH)[0].v
        there = placed(program, W, v, here, climb.size, rng, labels=climb.labels)
        lag = effects(program, W, v, there) - effects(program, W, v, here)
        lagging = np.argsort(-lag)[: int(np.ceil(share * np.count_nonzero(lag > 0.0)))]
        if lagging.size == 0:
            return
        if not climb.detour(moved(here, lagging, there.chosen(lagging)), min(_DETOUR, most - climb.tried - 1)):
            share *= 0.25
            if share * here.y.size < 0.5:
                return


def moved(injection: Injection, rows: IntArray, to: Injection) -> Injection:
    """The injection with some rows, by their positions, as in ``to``."""
    X, y = injection.X.copy(), injection.y.copy()
    X[rows], y[rows] = to.X, to.y
    return replace(injection, X=X, y=y)


def _unit(rows: FloatArray) -> FloatArray:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0.0))
