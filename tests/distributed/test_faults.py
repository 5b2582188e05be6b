"""What goes wrong on a cluster ends soon, in an error that was promised; bad rows are named with their partition."""

import os
import signal
import time
from functools import partial

import numpy as np
import pytest
from dask_processes import Processes
from distributed import Client
from partitions import features_and_tasks, rows

from patom import MTRLClassifier, MTRLRegressor, cluster
from patom.distributed import fit_distributed, shards
from patom.distributed.shards import DaskShards

pytestmark = pytest.mark.slow  # clusters that break

MODEL = MTRLRegressor(1e-3, 1e-3)
X, Y, TASK = rows(1)
CLASSES = np.where(Y > 0.0, "yes", "no")


def at(values, place, value):
    changed = np.array(values, dtype=np.result_type(values, type(value)) if not isinstance(value, str) else object)
    changed[place] = value
    return changed


def masked(values, place):
    return np.ma.masked_where(np.arange(np.size(values)).reshape(np.shape(values)) == place, values)


BAD = {
    "no rows": ((np.empty((0, 4)), np.empty(0), np.empty(0)), "a row at least; got shapes \\(0, 4\\), \\(0,\\)"),
    "no columns": ((np.empty((Y.size, 0)), Y, TASK), "a column at least; got shape \\(48, 0\\)"),
    "NaN": ((at(X, (3, 1), np.nan), Y, TASK), "X holds NaN in row 3, column 1"),
    "infinite target": ((X, at(Y, 5, np.inf), TASK), "y holds infinity in row 5"),
    "missing target": ((X, at(Y, 5, np.nan), TASK), "y holds a missing value in row 5"),
    "short target": ((X, Y[1:], TASK), "one target a row, and a row at least; got shapes \\(48, 4\\), \\(47,\\)"),
    "wide target": ((X, Y[:, None], TASK), "got shapes \\(48, 4\\), \\(48, 1\\)"),
    "short task": ((X, Y, TASK[1:]), "task must hold one label for each of the 48 rows of X; got 47"),
    "missing task": ((X, Y, at(TASK.astype(object), 2, None)), "task holds a missing label in row 2"),
    "text in X": ((at(X, (3, 2), "n/a"), Y, TASK), "X holds 'n/a' in row 3, column 2, which is not a number"),
    "complex X": ((X * 1j, Y, TASK), "Complex data not supported"),
    "text in y": ((X, CLASSES, TASK), "y must hold numbers for MTRLRegressor; got <U3"),
    "complex y": ((X, Y * 1j, TASK), "y must hold numbers for MTRLRegressor; got complex128"),
    "masked X": ((masked(X, 9), Y, TASK), "X holds a masked value in row 2"),
    "masked y": ((X, masked(Y, 9), TASK), "y holds a masked value in row 9"),
    "masked task": ((X, Y, masked(TASK, 9)), "task holds a missing label in row 9"),
    "flat X": ((X.ravel(), Y, TASK), "must have two dimensions"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_rows_are_named_with_their_partition(client, case):
    bad, message = BAD[case]
    with pytest.raises(ValueError, match=f"^Partition 1: .*{message}"):
        fit_distributed(MODEL, [partial(rows, 0), bad], client)


def test_what_is_no_partition_is_named(client):
    with pytest.raises(TypeError, match=r"^Partition 1: a partition must give \(X, y, task\); got dict\.$"):
        fit_distributed(MODEL, [partial(rows, 0), dict], client)


def test_classes_of_two_kinds_are_not_one(client):
    """1 and "1" would become one class where they are put into one array."""
    numbers, words = rows(0, classes=True), rows(1, classes=True)
    numbers = numbers[0], (numbers[1] == "yes").astype(int), numbers[2]
    words = words[0], np.where(words[1] == "yes", "1", "0"), words[2]
    with pytest.raises(
        ValueError, match=r"^Partition 1: y must hold classes of the first partition's kind, int64; got"
    ):
        fit_distributed(MTRLClassifier(0.01, 0.01), [numbers, words], client)


def test_an_error_of_a_partitions_own_keeps_its_type_and_is_named(client, tmp_path):
    def missing():
        return open(tmp_path / "rows.npz")

    with pytest.raises(FileNotFoundError) as caught:
        fit_distributed(MODEL, [partial(rows, 0), missing], client)
    assert caught.value.__notes__ == ["Raised for partition 1 of fit_distributed."]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((X[:, :3], TASK), "X must have the 4 columns of the fit; got 3"),
        ((at(X, (3, 1), np.nan), TASK), "X holds NaN in row 3, column 1"),
        ((X, np.full(Y.size, "z")), "task names the task 'z'"),
        ((X, TASK, Y), "a partition to predict must give \\(X, task\\)"),
    ],
)
def test_rows_to_predict_are_named_with_their_partition(client, given, message):
    with fit_distributed(MODEL, [partial(rows, k) for k in range(2)], client) as fitted:
        futures = fitted.predict_partitions([partial(features_and_tasks, 0), given])
        assert futures[0].result(timeout=60.0).shape == Y.shape
        with pytest.raises((ValueError, TypeError), match=f"^Partition 1: .*{message}"):
            futures[1].result(timeout=60.0)


def test_a_fit_that_is_closed_says_so(client):
    fitted = fit_distributed(MODEL, [partial(rows, 1)], client)
    fitted.close()
    for ask in (fitted.model, lambda: fitted.predict(X, task=TASK)):
        with pytest.raises(ValueError, match="is closed"):
            ask()


@pytest.mark.parametrize("client", [3, None])
def test_what_is_no_client_is_refused(client):
    with pytest.raises(TypeError, match=r"client of fit_distributed must be a distributed.Client"):
        fit_distributed(MODEL, [partial(rows, 0)], client)


def test_a_client_that_is_closed_is_refused(cluster):
    with Client(cluster) as closed:
        pass
    with pytest.raises(ConnectionError, match="The dask client is not connected, its status is 'closed'"):
        fit_distributed(MODEL, [partial(rows, 0)], closed)


@pytest.fixture
def processes(tmp_path):
    started = []

    def start(*arguments, **settings):
        started.append(Processes(tmp_path, *arguments, **settings))
        return started[-1]

    yield start
    for each in started:
        each.end()


@pytest.fixture
def before_request(monkeypatch):
    """Does something before the request of a number."""

    def prepare(number, act):
        asked, send = [], DaskShards._send

        def sending(self, messages):
            asked.append(messages[0][0])
            if len(asked) == number:
                act()
            return send(self, messages)

        monkeypatch.setattr(DaskShards, "_send", sending)

    return prepare


def soon(seconds=40.0):
    """Fails where the block takes longer than a wait that is bounded may."""
    return _Soon(seconds)


class _Soon:
    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        self.begun = time.monotonic()

    def __exit__(self, *_):
        assert time.monotonic() - self.begun < self.seconds


@pytest.mark.parametrize("fault", ["killed", "stopped"])
def test_a_scheduler_that_is_gone_ends_the_fit(processes, before_request, monkeypatch, fault):
    monkeypatch.setattr(cluster, "ANSWER_SECONDS", 1.0)
    running = processes()
    number = signal.SIGKILL if fault == "killed" else signal.SIGSTOP
    before_request(8, lambda: os.kill(running.scheduler.pid, number))
    client = running.client()
    with soon(), pytest.raises(ConnectionError, match=r"^The dask scheduler at 'tcp://127.* no longer answers"):
        fit_distributed(MODEL, [partial(rows, k) for k in range(2)], client)
    running.end()
    client.close(timeout=1.0)


@pytest.mark.parametrize("when", ["before", "during"])
def test_no_worker_left_ends_the_fit(processes, before_request, when):
    running = processes()
    with running.client() as client:
        if when == "before":
            running.kill_workers()
        else:
            before_request(8, running.kill_workers)
        with soon(), pytest.raises(ConnectionError, match="has had no workers for 1 seconds"):
            fit_distributed(MODEL, [partial(rows, k) for k in range(2)], client, worker_timeout=1.0)


def test_rows_that_kill_their_workers_are_named(processes):
    def fatal():
        os.kill(os.getpid(), signal.SIGKILL)

    running = processes(2, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    ended = pytest.raises(ChildProcessError, match=r"^Partition 0: .* ended from outside")
    with running.client() as client, soon(), ended:
        fit_distributed(MODEL, [fatal], client)


def test_a_shard_whose_passes_kill_every_worker_is_named(client, monkeypatch):
    monkeypatch.setattr(shards, "_DEATHS", 2)
    submit = DaskShards._submit

    def fatal(self, k, *arguments, **named):
        if k == 1:
            address = self.partitions[k].here.address
            os.kill(client.run(os.getpid, workers=[address])[address], signal.SIGKILL)
        return submit(self, k, *arguments, **named)

    monkeypatch.setattr(DaskShards, "_submit", fatal)
    with soon(60.0), pytest.raises(ChildProcessError, match=r"^Partition 1: 2 workers in turn"):
        fit_distributed(MODEL, [partial(rows, k) for k in range(2)], client)


def test_predictions_of_a_worker_that_is_gone_do_not_wait_for_ever(processes):
    running = processes()
    with running.client() as client:
        fitted = fit_distributed(MODEL, [partial(rows, k) for k in range(2)], client)

        def slow():
            time.sleep(2.0)
            return features_and_tasks(0)

        future = fitted.predict_partitions([slow, partial(features_and_tasks, 1)])[0]
        address = fitted._shards.partitions[0].here.address
        os.kill(client.run(os.getpid, workers=[address])[address], signal.SIGKILL)
        with pytest.raises(ChildProcessError, match=r"^Partition 0: the worker that held its weights is gone"):
            future.result(timeout=40.0)
        fitted.close()
