"""Task covariances that make problem (1) a known method: pass one as ``task_covariance=``.

Each is symmetric, positive definite and has trace 1, like the Omega that (1) learns. With A = Omega^-1 the
relationship term is lambda_2/2 sum_il A_il w_i'w_l, so the constructors are written as the A of their papers.
"""

import numpy as np
import numpy.typing as npt

from patom.core.arrays import FloatArray
from patom.core.exact import exact_array
from patom.core.labels import encode


def independent_covariance(n_tasks: int) -> FloatArray:
    """Independent tasks, Omega = I/m: ridge of strength lambda_1 + m lambda_2 on each task.

    >>> independent_covariance(2)
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    return np.eye(n_tasks) / n_tasks


def mean_regularised_covariance(n_tasks: int, similarity: float = 1.0) -> FloatArray:
    """Tasks drawn to their mean: sum_i ||w_i||^2 + similarity sum_i ||w_i - mean||^2.

    Source: Evgeniou and Pontil 2004, "Regularized multi-task learning", lemma 2.2. ``similarity`` >= 0 is the
    ratio of the two terms; 0 gives independent tasks.

    >>> mean_regularised_covariance(2, similarity=1.0).round(3)
    array([[0.5  , 0.167],
           [0.167, 0.5  ]])
    """
    _require_similarity(similarity)
    return _trace_one(np.eye(n_tasks) + similarity * (np.eye(n_tasks) - _averaging(np.zeros(n_tasks))))


def graph_covariance(adjacency: npt.ArrayLike, similarity: float = 1.0) -> FloatArray:
    """Neighbours on a task graph drawn together: sum_i ||w_i||^2 + similarity/2 sum_il a_il ||w_i - w_l||^2.

    Source: Evgeniou, Micchelli and Pontil 2005, section 3.1; the task network of Kato et al. 2008, "Multi-task
    learning via conic programming". ``adjacency``: (m, m), symmetric, weights >= 0, in the order of the fitted
    model's ``tasks_``.

    >>> graph_covariance([[0, 1], [1, 0]], similarity=0.5).round(3)
    array([[0.5  , 0.167],
           [0.167, 0.5  ]])
    """
    _require_similarity(similarity)
    A = np.asarray(adjacency, dtype=float)
    if A.ndim != 2 or A.shape[0] != A.shape[1] or not np.allclose(A, A.T) or not (np.isfinite(A) & (A >= 0.0)).all():
        raise ValueError(f"adjacency must be a symmetric (m, m) array of weights >= 0; got shape {A.shape}.")
    laplacian = np.diag(A.sum(axis=1)) - A
    return _trace_one(np.eye(A.shape[0]) + similarity * laplacian)


def cluster_covariance(
    labels: npt.ArrayLike, *, mean: float = 0.1, between: float = 1.0, within: float = 10.0
) -> FloatArray:
    """Tasks of one cluster drawn together: penalties on the mean, between clusters and within clusters.

    Source: Jacob, Bach and Vert 2009, "Clustered multi-task learning: a convex formulation", eq. 1 to 4, with
    the clusters given. ``labels``: (m,), the cluster of each task, in the order of the fitted model's
    ``tasks_``; the three weights are positive.

    >>> cluster_covariance(["a", "a", "b"]).round(2)
    array([[0.32, 0.31, 0.27],
           [0.31, 0.32, 0.27],
           [0.27, 0.27, 0.36]])
    """
    if not all(0.0 < weight < np.inf for weight in (mean, between, within)):
        raise ValueError(f"mean, between and within must be positive and finite; got {mean}, {between} and {within}.")
    codes = encode(exact_array(labels))[1]
    one, groups = _averaging(np.zeros(codes.size)), _averaging(codes)
    return _trace_one(mean * one + between * (groups - one) + within * (np.eye(codes.size) - groups))


def _averaging(codes: npt.NDArray[np.generic]) -> FloatArray:
    """The projection that replaces each task by its group's mean."""
    same = codes[:, None] == codes[None, :]
    return np.asarray(same / same.sum(axis=1, keepdims=True))


def _trace_one(precision: FloatArray) -> FloatArray:
    omega = np.linalg.inv(precision)
    omega = 0.5 * (omega + omega.T)
    return np.asarray(omega / np.trace(omega))


def _require_similarity(similarity: float) -> None:
    if not 0.0 <= similarity < np.inf:
        raise ValueError(f"similarity must be finite and at least 0; got {similarity}.")
