"""Fit one model on rows that stay on the workers of a dask cluster."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import numpy as np
import numpy.typing as npt
from dask import is_dask_collection
from dask.delayed import Delayed
from distributed import Client, Future
from sklearn.base import clone

from patom.cluster import WORKER_SECONDS
from patom.core.arrays import AnyArray, FloatArray
from patom.core.exact import joined
from patom.core.labels import as_labels, encode, positions
from patom.core.losses import loss_code
from patom.core.penalties.learned import SpectralPenalty
from patom.core.solvers.sharded.problem import ShardedProblem
from patom.core.solvers.sharded.solver import solve_sharded
from patom.core.solvers.solution import Solution, Status
from patom.distributed.held import About
from patom.distributed.shards import DaskShards, Traffic
from patom.models.linear import warn_of_gap
from patom.models.mtrl import MTRLClassifier, MTRLRegressor
from patom.models.settings import encode_classes
from patom.models.threads import one_blas_thread
from patom.workers import dask_client

_OWNER = "fit_distributed"


@dataclass(eq=False)
class DistributedFit(AbstractContextManager["DistributedFit"]):
    """A fitted model whose rows and weights are on the workers.

    The workers keep both until ``close``, or the end of a ``with`` block.

    Parameters
    ----------
    tasks : array of shape (m,)
        Task labels, partition by partition.
    objective, duality_gap, n_iter, status
        As in ``MTRLRegressor`` after ``fit``.
    task_spectrum : array of shape (k,)
        Non-zero eigenvalues of the task covariance, descending.
    traffic : Traffic
        Bytes of all messages so far, and partitions that were loaded again.
    """

    tasks: AnyArray
    objective: float
    duality_gap: float
    n_iter: int
    status: Status
    task_spectrum: FloatArray
    traffic: Traffic
    _estimator: MTRLRegressor | MTRLClassifier
    _shards: DaskShards
    _slot: int
    _stack: ExitStack

    def model(self) -> Any:
        """The model as ``fit`` leaves it, in this process: brings the weights here, 8 m p bytes."""
        W = np.concatenate(self._shards.gather(self._slot))
        estimator = self._named(self.tasks, W)
        solution = Solution(estimator._weights, self.objective, self.duality_gap, self.n_iter, self.status)
        estimator.adopt(solution, estimator.penalty(self.tasks.size))
        return estimator

    def predict(self, X: npt.ArrayLike, task: Any = None) -> AnyArray:
        """Predicted targets or classes, shape (n,), as ``model().predict``; brings the weights of these tasks only."""
        return np.asarray(self._of_tasks(task, np.shape(X)[0]).predict(X, task=task))

    def decision_function(self, X: npt.ArrayLike, task: Any = None) -> FloatArray:
        """Margins w_i'x of a classifier, shape (n,); otherwise as ``predict``."""
        return np.asarray(self._of_tasks(task, np.shape(X)[0]).decision_function(X, task=task))

    def predict_partitions(self, partitions: Sequence[Any]) -> list[Any]:
        """Predicted targets, or margins, of rows on the workers, which stay there: a future a partition.

        Parameters
        ----------
        partitions : sequence
            As many as the fit had, in their order; each gives (X, task), its tasks among those that the partition in
            its place had.
        """
        if len(partitions) != len(self._shards.partitions):
            raise ValueError(
                f"partitions of predict_partitions must be as many as the fit had, {len(self._shards.partitions)}; "
                f"got {len(partitions)}."
            )
        return self._shards.predict(self._slot, [_source(self._shards.client, each) for each in partitions])

    def close(self) -> None:
        """Let the workers forget rows and weights; disconnect from the cluster if the fit got its address."""
        self._stack.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _of_tasks(self, task: Any, n_rows: int) -> Any:
        """An estimator that knows the tasks of some rows."""
        if task is None and self.tasks.size == 1:
            task = np.repeat(self.tasks, n_rows)
        labels = as_labels(task, n_rows)
        needed = np.unique(positions(labels, self.tasks, argument="task"))
        bounds = self._shards.bounds
        parts = np.split(needed, np.searchsorted(needed, bounds[1:-1]))
        rows = [part - first for part, first in zip(parts, bounds[:-1], strict=True)]
        return self._named(self.tasks[needed], np.concatenate(self._shards.gather(self._slot, rows)))

    def _named(self, tasks: AnyArray, W: FloatArray) -> Any:
        """The estimator with these tasks and their weights."""
        estimator, about = clone(self._estimator), self._shards.abouts[0]
        estimator.tasks_, index = encode(tasks)
        estimator.n_features_in_ = about.n_features
        if about.names is not None:
            estimator.feature_names_in_ = np.array(about.names, dtype=object)
        if isinstance(estimator, MTRLClassifier):
            estimator.classes_ = self._estimator.classes_
        ordered = np.empty_like(W)
        ordered[index] = W
        estimator._keep(ordered)
        return estimator


def fit_distributed(
    model: MTRLRegressor | MTRLClassifier,
    partitions: Sequence[Any],
    client: Client | str,
    *,
    worker_timeout: float = WORKER_SECONDS,
) -> DistributedFit:
    """Solve problem (1) on rows that are spread over the workers of a dask cluster, and stay there.

    Parameters
    ----------
    model : MTRLRegressor or MTRLClassifier
        The settings, Omega learned; left untouched.
    partitions : sequence
        Each gives (X, y, task), as ``fit`` takes them, for some of the tasks; all rows of a task must be in one. A
        callable without arguments is called on a worker, and again on another if that one dies. A dask Delayed or
        Future leaves the rows with dask. A tuple of arrays is sent. One partition a worker is best.
    client : distributed.Client, or the address of a scheduler
        For a cluster that accepts only TLS, a Client made with ``security=``, or an address that begins with
        ``tls://`` together with dask's own configuration.
    worker_timeout : float
        Seconds to wait for a worker while the cluster has none; 60 by default.

    Returns
    -------
    DistributedFit
        The same weights as those of ``fit`` on all rows, except for rounding, with the same certificate.

    Raises
    ------
    ValueError
        For settings or rows that ``fit`` refuses, a given Omega, or a task in two partitions. An error about rows names
        the partition by its number, from 0 on.
    ConnectionError
        Where the scheduler does not answer, or has no worker for ``worker_timeout`` seconds, now or later.
    ChildProcessError
        Where four workers in turn died with one partition, which is named.
    Exception
        Errors of a partition's own callable are raised here too, with a note that names the partition.

    Warns
    -----
    ConvergenceWarning
        As ``fit``.

    Notes
    -----
    The solver is ``core.solvers.sharded``. A step sends each partition one (p, p) matrix, p = d + 1, or its
    factors, and two numbers; the answer is one such matrix (two to five for a sweep) and a number, independent of the
    numbers of tasks and rows. If a worker dies, another loads its partitions and repeats the passes over them so far;
    the weights are the same to the bit where its processor runs the same BLAS kernels.

    Messages of dask are pickles: anyone who can reach the scheduler or a worker can run code on it, and on the driver.
    ``docs/distributed.md`` shows how TLS keeps others out.

    Examples
    --------
    >>> from patom import MTRLRegressor
    >>> def part(shop):
    ...     x = np.linspace(-1.0, 1.0, 9).reshape(-1, 1)
    ...     return x, shop * x.ravel(), np.full(9, shop)
    >>> with Client(processes=False, dashboard_address=None) as client:
    ...     with fit_distributed(MTRLRegressor(1e-3, 1e-3), [lambda: part(2), lambda: part(5)], client) as fitted:
    ...         fitted.predict([[0.5], [0.5]], task=[2, 5]).round(1)
    array([1. , 2.5])
    """
    estimator = clone(model)
    penalty = _penalty(estimator)
    if not isinstance(partitions, Sequence) or isinstance(partitions, str) or len(partitions) == 0:
        raise ValueError(f"partitions of {_OWNER} must be a list of at least one partition; got {partitions!r}.")
    with ExitStack() as stack:
        connected = stack.enter_context(dask_client(client)) if isinstance(client, str) else _synchronous(client)
        shards = DaskShards(connected, [_source(connected, partition) for partition in partitions], worker_timeout)
        stack.callback(shards.release)
        tasks, loss = _labels(shards.abouts), estimator._loss()
        shards.start = (_classes(estimator, shards.abouts), loss_code(loss))
        problem = ShardedProblem(shards, penalty, loss.curvature_bound)
        with one_blas_thread():
            solution = solve_sharded(problem, tol=model.tol, max_iter=model.max_iter)
            slot: Any = solution.W
            s = problem.factors(slot).s
        spectrum = s / s.sum() if s.size else np.full(tasks.size, 1.0 / tasks.size)
        warn_of_gap(solution, model.tol, stacklevel=3)
        return DistributedFit(
            tasks, solution.objective, solution.duality_gap, solution.n_iter, solution.status, spectrum,
            shards.traffic, estimator, shards, slot, stack.pop_all(),
        )  # fmt: skip
    raise AssertionError


def _penalty(estimator: Any) -> SpectralPenalty:
    if not isinstance(estimator, MTRLRegressor | MTRLClassifier):
        raise TypeError(
            f"model of {_OWNER} must be an MTRLRegressor or MTRLClassifier; got {type(estimator).__name__}."
        )
    if estimator.task_covariance is not None or estimator.solver == "alternating":
        raise ValueError(f"model of {_OWNER} must learn Omega with solver='accelerated'; leave both settings alone.")
    if estimator.task_weights != "tasks":
        raise ValueError(f"model of {_OWNER} must have task_weights='tasks'; got {estimator.task_weights!r}.")
    penalty = estimator.penalty(1)
    assert isinstance(penalty, SpectralPenalty)
    return penalty


def _synchronous(client: Any) -> Client:
    if not isinstance(client, Client) or client.asynchronous:
        raise TypeError(
            f"client of {_OWNER} must be a distributed.Client that is not asynchronous, or the address of a scheduler; "
            f"got {type(client).__name__}."
        )
    return client


def _source(client: Client, partition: Any) -> Any:
    """A callable or a future of the rows."""
    if isinstance(partition, Delayed):
        return client.compute(partition)
    if is_dask_collection(partition):
        raise TypeError(f"partitions of {_OWNER} must each give (X, y, task); got a {type(partition).__name__}.")
    return partition if callable(partition) or isinstance(partition, Future) else partial(_given, partition)


def _given(rows: Any) -> Any:
    return rows


def _labels(abouts: Sequence[About]) -> AnyArray:
    """All tasks; refused where partitions do not fit together."""
    for k, about in enumerate(abouts):
        if (about.n_features, about.names) != (abouts[0].n_features, abouts[0].names):
            raise ValueError(
                f"partitions of {_OWNER} must have the same features; the first has {abouts[0].n_features}, partition "
                f"{k} has {about.n_features}{'' if about.names == abouts[0].names else ' of other names'}."
            )
    labels = reduce(joined, (about.tasks for about in abouts))
    distinct, index = encode(labels)
    if distinct.size < labels.size:
        owner = np.repeat(np.arange(len(abouts)), [about.tasks.size for about in abouts])
        twice = int(np.argmax(np.bincount(index) > 1))
        first, second = owner[index == twice][:2]
        raise ValueError(
            f"partitions of {_OWNER} must not share a task; {distinct[twice]!s} is in partition {first} and in "
            f"partition {second}: put all rows of a task into one."
        )
    return labels


def _classes(estimator: Any, abouts: Sequence[About]) -> AnyArray | None:
    """The two classes, which the estimator learns too; None for a regression."""
    values = [about.values for about in abouts]
    kinds = ["number" if part.dtype.kind in "biuf" else part.dtype.kind for part in values]
    if isinstance(estimator, MTRLRegressor):
        for k, kind in enumerate(kinds):
            if kind != "number":
                raise ValueError(f"Partition {k}: y must hold numbers for MTRLRegressor; got {values[k].dtype}.")
        return None
    for k, kind in enumerate(kinds):
        if kind != kinds[0]:  # "1" and 1 would become one class
            raise ValueError(
                f"Partition {k}: y must hold classes of the first partition's kind, {values[0].dtype}; got "
                f"{values[k].dtype}."
            )
    classes, _ = encode_classes(reduce(joined, values))
    estimator.classes_ = classes
    return classes
