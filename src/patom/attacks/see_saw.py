"""The see-saw: accounts of two rows that need no gradient to harm everybody."""

from dataclasses import replace

import numpy as np

from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.core.rows import weights_of

_USED = 1e-3  # of the largest singular value of the weights, from which on a direction counts as used
_TILTS = (0.0, -0.1, 0.15, 0.35)  # parts of the first axis along the direction that it stands in for


def see_saw(program: Bilevel, injection: Injection) -> Injection:
    """The injection's labels on see-saws: higher ones at c + eps u_a, lower ones at c - eps u_a, in each task a.

    c is the region's middle. A task with two such rows of its own has long weights along u_a, and many such tasks make
    the nuclear norm ||W||_* so large that all others, who pay lambda_2 ||W||_* for each unit of theirs, learn next to
    nothing. With labels +B and -B, a loss that weighs c_a and q orthonormal directions, each for an equal part of k
    tasks, problem (1) on these tasks alone has weights w u_a with

        2 c_a eps (eps w - B) + (lambda_1 + q lambda_2) w = 0,   ||W||_* = sqrt(q k) w,

    which is longest at eps^2 = (lambda_1 + q lambda_2)/(2 c_a), and grows with q. So the tasks take as many directions
    as there are that the honest tasks do not use, see ``axes``. Where tasks of few rows weigh little, this eps may lie
    beyond the region; then fewer directions may do more, and some numbers of them are tried. Of all ways to choose
    directions the best is kept, by one fit each.
    """
    rows, d = program.honest.rows, program.problem.rows.n_columns - 1
    own, weights = np.unique(injection.task_index), _weights(program, injection)
    ways = axes(rows.X[:, :-1], program.clean.W[: rows.n_tasks, :d])
    most = min(own.size, ways[0].shape[1])
    numbers = {most} if (weights[own] >= 1.0).all() else {most, max(1, most // 4), 1}
    found = [_placed(program, injection, weights, each[:, :q]) for q in sorted(numbers, reverse=True) for each in ways]
    W = program.clean.W
    return max(found, key=lambda each: program.utility(program.solve(each, W).W))


def _weights(program: Bilevel, injection: Injection) -> FloatArray:
    """What each task's loss weighs once the rows are injected, shape (m,); of one account, where it stands for more."""
    rows, copies = program.problem.rows, program.lower.copies
    counts = rows.counts + np.bincount(injection.task_index, minlength=rows.n_tasks)
    weights = weights_of(rows.weighing, counts)
    found = np.ones(counts.size) if weights is None else weights.copy()
    if copies is not None:
        found[found.size - copies.size :] /= copies
    return found


def axes(X: FloatArray, W: FloatArray) -> list[FloatArray]:
    """Ways to choose directions that weights W, shape (m, d), do not use, each of shape (d, q), q at least 1.

    The first: in the order of how much the rows X, shape (n, d), vary in them, the least first, so that the honest
    tasks can do nothing with them. Where W uses all, the one that it uses least.

    The others serve few accounts, whose norm alone is too small. Their first axis is the unused direction f whose
    feature varies most together with the honest tasks' predictions: (I - VV') Sigma V diag(s) has f as its first left
    singular vector, where V diag(s) are the right singular vectors and values of W that count. Long weights along f
    make f cheap for everybody, and since f can stand in for the direction v = V r, with r the first right singular
    vector, the honest tasks move their weights from v to f. One or two accounts do most with f tilted towards v, which
    attracts them more; about five with f tilted away from it. These tilts were chosen on ten splits of SARCOS.
    """
    _, sizes, right = np.linalg.svd(W, full_matrices=True)
    rank = int(np.count_nonzero(sizes > _USED * max(sizes.max(initial=0.0), np.finfo(float).tiny)))
    rank = min(rank, right.shape[0] - 1)
    used, free = right[:rank].T, right[rank:].T
    Z = X - X.mean(axis=0)
    found = [_by_spread(Z, free)]
    together = (Z @ free).T @ (Z @ used) * sizes[:rank]
    if rank == 0 or free.shape[1] < 2 or not together.any():
        return found
    left, _, across = np.linalg.svd(together, full_matrices=True)
    stand_in, replaced, rest = free @ left[:, 0], used @ across[0], _by_spread(Z, free @ left[:, 1:])
    firsts = [np.sqrt(1.0 - tilt**2) * stand_in + tilt * replaced for tilt in _TILTS]
    return [*found, *(np.column_stack([first, rest]) for first in firsts)]


def _by_spread(Z: FloatArray, basis: FloatArray) -> FloatArray:
    """An orthonormal basis turned to the principal axes of centred rows, the least spread first, shape (d, q)."""
    along = Z @ basis
    return np.asarray(basis @ np.linalg.eigh(along.T @ along)[1])


def _placed(program: Bilevel, injection: Injection, weights: FloatArray, directions: FloatArray) -> Injection:
    """The rows of each task at the two ends of its direction; ``weights`` are the tasks' c_a, shape (m,)."""
    q, own = directions.shape[1], np.unique(injection.task_index)
    lambda_1, lambda_2 = program.problem.penalty.weights
    eps = np.sqrt(0.5 * (lambda_1 + q * lambda_2) / weights[injection.task_index])
    low, high = program.bounds(injection.task_index)
    side = np.where(injection.y > 0.5 * (low + high), eps, -eps)
    along = directions[:, np.searchsorted(own, injection.task_index) % q].T
    middle = program.project(np.zeros(injection.X.shape), injection)
    return replace(injection, X=program.project(middle + side[:, None] * along, injection))
