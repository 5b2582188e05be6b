import distributed
import numpy as np
import pytest
from partitions import rows

from patom.core import losses
from patom.core.losses import loss_code
from patom.core.penalties.learned import SpectralPenalty
from patom.core.solvers.sharded.problem import ShardedProblem
from patom.core.solvers.sharded.shard import Shard
from patom.core.solvers.sharded.solver import solve_sharded


@pytest.fixture(scope="session")
def cluster():
    _compile()
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as running:
        yield running


def _compile():
    """In this process first, so that the workers find everything compiled."""
    X, y, _ = rows(0)
    for loss in (losses.squared_error, losses.huber(1.0)):
        shard = Shard(X, y, np.arange(0, y.size + 1, 6), np.arange(y.size), loss_code(loss))
        solve_sharded(ShardedProblem(shard, SpectralPenalty(0.1, 0.1), 2.0), max_iter=50)


@pytest.fixture(scope="session")
def client(cluster):
    with distributed.Client(cluster) as connected:
        yield connected
