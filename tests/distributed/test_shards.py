"""What crosses the wire, whatever the number of rows and tasks; and workers that are killed on the way."""

import os
import signal
from functools import partial

import numpy as np
import pytest
from distributed.comm import tcp
from partitions import rows, together

from patom import MTRLRegressor
from patom.core import losses
from patom.core.losses import loss_code
from patom.core.penalties.learned import SpectralPenalty
from patom.core.solvers.sharded.problem import ShardedProblem
from patom.core.solvers.sharded.solver import Momentum, Sweeps
from patom.distributed import fit_distributed, held
from patom.distributed.shards import DaskShards

MODEL = MTRLRegressor(1e-3, 1e-3)


def sources(count=3, **settings):
    return [partial(rows, k, **settings) for k in range(count)]


def opened(client, given):
    shards = DaskShards(client, given)
    shards.start = (None, loss_code(losses.squared_error))
    return shards


def kill_holder(client, shards, k):
    address = shards.partitions[k].here.address
    os.kill(client.run(os.getpid, workers=[address])[address], signal.SIGKILL)


@pytest.fixture
def killing(client, monkeypatch):
    """Kills the worker that holds partition ``which`` before the requests of these numbers."""

    def prepare(which, *numbers):
        asked, send = [], DaskShards._send

        def sending(self, messages):
            asked.append(messages[0][0])
            if len(asked) in numbers:
                kill_holder(client, self, which)
            return send(self, messages)

        monkeypatch.setattr(DaskShards, "_send", sending)

    return prepare


def test_a_worker_killed_mid_fit_changes_no_bit_of_the_weights(client, killing):
    with fit_distributed(MODEL, sources(), client) as undisturbed:
        expected = undisturbed.model()
    killing(0, 12, 30)
    with fit_distributed(MODEL, sources(), client) as fitted:
        found = fitted.model()
        assert fitted.traffic.recovered >= 2
        assert (fitted.status, fitted.duality_gap) == (undisturbed.status, undisturbed.duality_gap)
    np.testing.assert_array_equal(found.coef_, expected.coef_)
    X, y, task = together(3)
    np.testing.assert_allclose(found.coef_, MODEL.fit(X, y, task=task).coef_, atol=1e-8)


@pytest.mark.slow
def test_weights_come_back_after_the_fit(client):
    with fit_distributed(MODEL, sources(), client) as fitted:
        expected = fitted.model().coef_
        kill_holder(client, fitted._shards, 1)
        np.testing.assert_array_equal(fitted.model().coef_, expected)


def test_other_rows_the_second_time_are_refused(client, tmp_path):
    def part():
        marker = tmp_path / "loaded"
        again = marker.exists()
        marker.touch()
        return rows(1 if again else 0)

    shards = opened(client, [part])
    kill_holder(client, shards, 0)
    with pytest.raises(RuntimeError, match="partition 0 gave other rows when it was loaded again"):
        shards.reduce("value_without_weights")


def problem_on(shards):
    problem = ShardedProblem(shards, SpectralPenalty(1e-6, 1e-6), 2.0)  # of full rank
    shards.write(0, None)
    return problem, {
        "steps": Momentum(problem, 50.0),
        "sweeps": Sweeps(problem, 0, np.eye(shards.shape[1]) / shards.shape[1]),
    }


def test_a_worker_that_has_forgotten_is_sent_everything_again(client):
    found = []
    for forget in (False, True):
        shards = opened(client, sources(2))
        _, engines = problem_on(shards)
        engines["steps"].advance(5)
        client.run(lambda clear: held._HELD.clear() if clear else None, forget)
        found.append(engines["steps"].finish())
        assert shards.traffic.recovered == (0 if len(found) == 1 else 2)
        shards.release()
    assert found[0].objective == found[1].objective


def bytes_of(client, engine, **settings):
    """Of a step, by our count and, of the driver and the scheduler together, on the wire."""
    shards = opened(client, sources(2, **settings))
    moving = problem_on(shards)[1][engine]
    ahead = (lambda: moving.advance(20)) if engine == "steps" else (lambda: [moving.advance() for _ in range(20)])
    ahead()
    before, wire = shards.traffic.sent + shards.traffic.received, _Wire()
    with wire:
        ahead()
    counted = shards.traffic.sent + shards.traffic.received - before
    shards.release()
    return counted / 20, wire.total / 20


class _Wire:
    """Counts what goes through this process's TCP connections, in both directions."""

    total = 0

    def __enter__(self):
        self.kept = tcp.TCP.write, tcp.from_frames

        async def write(comm, *arguments, **settings):
            written = await self.kept[0](comm, *arguments, **settings)
            self.total += written
            return written

        def from_frames(frames, *arguments, **settings):
            self.total += sum(len(frame) for frame in frames)
            return self.kept[1](frames, *arguments, **settings)

        tcp.TCP.write, tcp.from_frames = write, from_frames
        return self

    def __exit__(self, *_):
        tcp.TCP.write, tcp.from_frames = self.kept


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "matrices"), [("steps", 2), ("sweeps", 4)])
def test_bytes_of_a_step_depend_on_features_alone(client, engine, matrices):
    small, many_rows, many_tasks = (
        bytes_of(client, engine, **settings)
        for settings in ({"tasks": 8, "each": 5}, {"tasks": 8, "each": 500}, {"tasks": 800, "each": 5})
    )
    for other in (many_rows, many_tasks):
        assert other[0] == pytest.approx(small[0], rel=0.01)
        assert other[1] == pytest.approx(small[1], rel=0.25)  # some of dask's own messages come by the clock
    wide, p = bytes_of(client, engine, d=40)[0], 41
    assert 2 * 8 * p**2 < wide < 2 * (matrices * 8 * p**2 + 1_500)  # to a shard and back; factors are smaller
