"""What one fit on a cluster costs a row, a byte and a message, and what a thousand workers would make of that.

``python -m benchmarks.distributed_bench`` measures on a local cluster of two worker processes, one thread each, and
prints figures and the estimate. Everything that the estimate needs is measured in the same run, but for the network.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from distributed import Client, LocalCluster, wait

from patom import MTRLRegressor
from patom.core.arrays import AnyArray
from patom.core.losses import loss_code, squared_error
from patom.core.penalties.learned import SpectralPenalty
from patom.core.solvers.sharded.problem import ShardedProblem
from patom.core.solvers.sharded.solver import Momentum, Sweeps
from patom.datasets import LongTable, read_parquet
from patom.distributed import fit_distributed
from patom.distributed.shards import DaskShards
from patom.models.threads import one_blas_thread

D, EACH, LAMBDA = 50, 20, 1e-3
"""Features, rows a task, and both lambdas."""
NETWORK = 1.25e8
"""Bytes a second in and out of the driver and the scheduler: one gigabit Ethernet, which is assumed, not measured."""


@dataclass(frozen=True)
class Costs:
    """What was measured.

    Parameters
    ----------
    load : float
        Seconds a row to read a Parquet file, on one worker.
    mean, step : float
        Seconds a row of a fit's rounds in the mean (sweeps get cheaper as the rank settles) and of an accelerated step,
        on one worker with one thread.
    sent, received : float
        Bytes of a sweep to one partition and back.
    round, each : float
        Seconds of a round to no rows to speak of: one partition a worker, and what one more partition adds.
    rounds : int
        Of a whole fit.
    bytes_a_row : float
        Resident memory of rows and slots.
    """

    load: float
    mean: float
    step: float
    sent: float
    received: float
    round: float
    each: float
    rounds: int
    bytes_a_row: float


def rows(k: int, n_tasks: int) -> tuple[AnyArray, AnyArray, AnyArray]:
    """The k-th partition."""
    rng = np.random.default_rng(k)
    task = np.repeat(np.arange(k * n_tasks, (k + 1) * n_tasks), EACH)
    X = rng.standard_normal((task.size, D))
    X /= np.sqrt(D)
    shared = np.random.default_rng(99).standard_normal((D, 3))
    W = rng.standard_normal((n_tasks, 3)) @ shared.T
    y = np.einsum("nd,nd->n", X, np.repeat(W, EACH, axis=0)) + 0.5 * rng.standard_normal(task.size)
    return X, y, task


def opened(client: Client, n_partitions: int, n_tasks: int) -> tuple[DaskShards, Sweeps, Momentum]:
    """Partitions of so many tasks, and both ways to move on."""
    shards = DaskShards(client, [partial(rows, k, n_tasks) for k in range(n_partitions)])
    shards.start = (None, loss_code(squared_error))
    problem = ShardedProblem(shards, SpectralPenalty(LAMBDA, LAMBDA), 2.0)
    shards.write(0, None)
    return shards, Sweeps(problem, 0, np.eye(D + 1) / (D + 1)), Momentum(problem, problem.smoothness)


def seconds(call: Callable[[], object], repeats: int = 9) -> float:
    """The least, as whatever else the machine does only adds; after two calls that compile and warm up."""
    found = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found[2:])


def measured(client: Client, n_tasks: int) -> Costs:
    """Passes with ``n_tasks`` tasks a worker; latencies with next to none."""
    shards, sweeps, momentum = opened(client, 2, n_tasks)
    per_worker, traffic = n_tasks * EACH, replace(shards.traffic)
    sweeps.advance()
    rounds = shards.traffic.rounds - traffic.rounds
    sent = (shards.traffic.sent - traffic.sent) / rounds / 2
    received = (shards.traffic.received - traffic.received) / rounds / 2
    step = seconds(partial(momentum.advance, 1))
    shards.release()
    latencies = []
    for n_partitions in (2, 34):
        small, few, light = opened(client, n_partitions, 2)
        latencies.append([seconds(partial(few.advance), repeats=25), seconds(partial(light.advance, 1), repeats=25)])
        small.release()
    (one, one_step), (many, _) = latencies
    whole, computing = fitting(client, n_tasks)
    return Costs(
        load=loading(client, n_tasks),
        mean=(computing / whole - one) / per_worker,
        step=(step - one_step) / per_worker,
        sent=sent,
        received=received,
        round=one,
        each=(many - one) / 32,
        rounds=whole,
        bytes_a_row=8.0 * (D + 4) + 3 * 8.0 * (D + 1) / EACH,
    )


def fitting(client: Client, n_tasks: int) -> tuple[int, float]:
    """Rounds and seconds of a whole fit on rows that workers hold already."""
    held = [client.submit(rows, k, n_tasks, pure=False) for k in range(2)]
    wait(held)

    def fit() -> int:
        with fit_distributed(MTRLRegressor(LAMBDA, LAMBDA), held, client) as fitted:
            return fitted.traffic.rounds

    return fit(), seconds(fit, repeats=3)


def loading(client: Client, n_tasks: int) -> float:
    """Seconds a row from a Parquet file, on a worker."""
    X, y, task = rows(0, n_tasks)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        pq.write_table(pa.table({"task": task, "y": y} | {f"x{j}": X[:, j] for j in range(D)}), path)
        read = partial(read_parquet, path, task="task", target="y")
        return seconds(lambda: client.submit(_size, read, pure=False).result(), repeats=2) / y.size


def _size(read: Callable[[], LongTable]) -> int:
    return read().n_rows


def estimate(costs: Costs, n_workers: int, n_rows: float) -> dict[str, float]:
    """A fit with one partition a worker, each with one thread as measured."""
    share = n_rows / n_workers
    compute = share * costs.mean
    messages = costs.round + (n_workers - 2) * costs.each
    wire = n_workers * (costs.sent + costs.received) / NETWORK
    return {
        "rows a worker": share,
        "GB a worker": share * costs.bytes_a_row / 1e9,
        "loading, s": share * costs.load,
        "a round: rows, s": compute,
        "a round: messages, s": messages,
        "a round: wire, s": wire,
        "MB a round through the driver": n_workers * (costs.sent + costs.received) / 1e6,
        "whole fit, s": share * costs.load + costs.rounds * (compute + messages + wire),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=20_000, help="tasks a worker, of 20 rows and 50 features")
    parser.add_argument("--out", type=Path, help="a JSON file for the figures")
    options = parser.parse_args()
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0")
    with cluster, Client(cluster) as client, one_blas_thread():
        costs = measured(client, options.tasks)
    scenarios = {f"{w:,} workers, {n:.0e} rows": estimate(costs, w, n) for w, n in ((2, 8e5), (100, 1e8), (1000, 1e9))}
    for name, value in asdict(costs).items():
        print(f"{name:12s} {value:.4g}")
    for name, told in scenarios.items():
        print(name)
        for what, value in told.items():
            print(f"  {what:32s} {value:12,.3g}")
    if options.out is not None:
        options.out.write_text(json.dumps({"costs": asdict(costs), "estimates": scenarios}, indent=1) + "\n")


if __name__ == "__main__":
    main()
