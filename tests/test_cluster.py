"""Jobs on a dask cluster: their results, and an end where there is nobody left to wait for."""

import os
import signal
import socket
import time

import pytest
from dask_processes import Processes
from joblib import delayed

from patom import cluster, workers
from patom.workers import as_they_finish


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    processes = Processes(tmp_path_factory.mktemp("cluster"))
    yield address(processes)
    processes.end()


@pytest.fixture
def processes(tmp_path):
    started = []

    def start(*arguments, **settings):
        started.append(Processes(tmp_path, *arguments, **settings))
        return started[-1], address(started[-1])

    yield start
    for each in started:
        each.end()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for name, seconds in {"ANSWER_SECONDS": 1.0, "WORKER_SECONDS": 1.0, "MOST_PATIENCE": 0.2}.items():
        monkeypatch.setattr(cluster, name, seconds)


def address(processes):
    with processes.client() as client:
        return client.scheduler.address


def first_is_slow(k):
    time.sleep(2.0 * (k == 0))
    return k


def test_results_come_as_they_finish(shared):
    jobs, taken = 40, []

    def taking():
        for k in range(jobs):
            taken.append(k)
            yield delayed(first_is_slow)(k)

    found = []
    for each in as_they_finish(taking(), 1, dask=shared):
        found.append(each)
        assert len(taken) <= len(found) + 2 * cluster.AHEAD  # of two threads
    assert found.index(0) > 1  # the others went on meanwhile
    assert sorted(found) == list(range(jobs))


@pytest.mark.parametrize("error", [ValueError("budget is odd."), TimeoutError("of the job's own")])
def test_a_jobs_error_comes_through_as_it_was(shared, error):
    def fail():
        raise error

    with pytest.raises(type(error), match=str(error)):
        list(as_they_finish([delayed(fail)()], 1, dask=shared))


def test_names_of_arguments_are_the_jobs(shared):
    assert list(as_they_finish([delayed(dict)(key=1, workers=2)], 1, dask=shared)) == [{"key": 1, "workers": 2}]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["killed", "stopped", "no workers"])
def test_nobody_left_to_wait_for(processes, fault):
    running, at = processes()
    results = as_they_finish((delayed(time.sleep)(0.02) for _ in range(10_000)), 1, dask=at)
    next(results)
    if fault == "no workers":
        running.kill_workers()
    else:
        os.kill(running.scheduler.pid, signal.SIGKILL if fault == "killed" else signal.SIGSTOP)
    said = "has had no workers for 1 seconds" if fault == "no workers" else "no longer answers for the work"
    begun = time.monotonic()
    with pytest.raises(ConnectionError, match=f"^The dask scheduler at '{at}' {said}"):
        list(results)
    assert time.monotonic() - begun < 40.0


def test_somebody_who_listens_in_silence(monkeypatch):
    """As another service does, or a scheduler that hangs: dask's own client waits for its greeting for ever."""
    monkeypatch.setattr(workers, "CONNECT_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        at = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=f"^No dask scheduler answers at '{at}' .no answer in 0.5 seconds"):
            list(as_they_finish([], 1, dask=at))


@pytest.mark.slow
def test_a_job_that_kills_its_workers(processes):
    _, at = processes(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")

    def fatal():
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ChildProcessError, match=r"^Workers of the dask cluster were ended from outside: "):
        list(as_they_finish([delayed(fatal)()], 1, dask=at))
