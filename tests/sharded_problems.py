"""Small problems in two forms: rows copied with their constant, and rows in a shard."""

import numpy as np

from patom.core import losses
from patom.core.data_term import RowTerm
from patom.core.losses import loss_code
from patom.core.penalties.learned import SpectralPenalty
from patom.core.rows import TaskRows, append_constant
from patom.core.solvers.sharded.problem import ShardedProblem
from patom.core.solvers.sharded.shard import Shard

LOSSES = [losses.squared_error, losses.unclipped_hinge, losses.squared_hinge, losses.logistic, losses.huber(0.7)]


def draw(loss, m=60, d=5, most=9, seed=0, noise=0.3):
    """Features, targets and offsets; tasks have from one to ``most`` rows."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, most + 1, m)
    X = rng.standard_normal((counts.sum(), d))
    B = rng.standard_normal((m, 2)) @ rng.standard_normal((2, d))
    y = (X * np.repeat(B, counts, axis=0)).sum(axis=1) + noise * rng.standard_normal(len(X))
    return X, np.where(y > 0.0, 1.0, -1.0) if loss.margin else y, np.concatenate([[0], np.cumsum(counts)])


def term_of(X, y, offsets, loss):
    return RowTerm(TaskRows(append_constant(np.asarray(X, dtype=np.float64)), y, offsets), loss)


def shard_of(X, y, offsets, loss, order=None):
    return Shard(X, y, offsets, order, loss_code(loss))


def problem_of(X, y, offsets, loss, lambda_1=0.1, lambda_2=0.1):
    shard = shard_of(X, y, offsets, loss)
    return ShardedProblem(shard, SpectralPenalty(lambda_1, lambda_2), loss.curvature_bound)


def shuffled(X, y, seed=0):
    """The same rows mixed up, and the order that puts them right."""
    order = np.random.default_rng(seed).permutation(len(X))
    mixed_X, mixed_y = np.empty_like(X), np.empty_like(y)
    mixed_X[order], mixed_y[order] = X, y
    return mixed_X, mixed_y, order
