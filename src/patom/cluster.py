"""Work on a dask cluster with bounded waits, for a scheduler that is gone and for a cluster without workers."""

import time
from asyncio import CancelledError as TaskCancelled
from asyncio import run, wait_for
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from itertools import islice
from typing import Any

from distributed import Client, Future, Security, wait
from distributed.comm import CommClosedError, connect

ANSWER_SECONDS = 30.0
"""How long a scheduler may take to say which workers it has."""
WORKER_SECONDS = 60.0
"""How long a cluster may be without any worker: enough time to start one in place of one that died."""
PATIENCE = 0.5
"""Seconds to wait for answers before the first check that the cluster is alive."""
MOST_PATIENCE = 10.0
"""Seconds between two checks at most."""
AHEAD = 2
"""Jobs that are sent to the cluster for each of its threads."""
LOST = (CancelledError, TaskCancelled, CommClosedError)
"""Errors of dask for work that it has given up, because the scheduler stopped, was restarted or cannot be reached."""


class Watch:
    """Checks, for callers that wait for a cluster, that its scheduler answers and that it has workers.

    The cluster may be without any worker for ``seconds``, by default ``WORKER_SECONDS``. A closed client is a
    ConnectionError.
    """

    def __init__(self, client: Client, seconds: float | None = None) -> None:
        if client.status != "running":
            raise ConnectionError(f"The dask client is not connected, its status is {client.status!r}; make a new one.")
        self.address = str(client.scheduler.address)
        self._client, self._seconds = client, WORKER_SECONDS if seconds is None else seconds
        self._without_since: float | None = None

    def threads(self) -> dict[str, int]:
        """Threads of each worker, by address; empty where the last worker was lost a short time ago.

        A scheduler that does not answer, or has had no worker for too long, is a ConnectionError.
        """
        try:
            found: dict[str, int] = self._client.sync(self._client.scheduler.ncores, callback_timeout=ANSWER_SECONDS)
        except (Exception, TaskCancelled) as error:
            raise self.lost(type(error).__name__) from None
        now = time.monotonic()
        if found:
            self._without_since = None
        elif self._without_since is None:
            self._without_since = now
        elif now - self._without_since >= self._seconds:
            raise ConnectionError(
                f"The dask scheduler at {self.address!r} has had no workers for {self._seconds:g} seconds; start one "
                "at least."
            )
        return dict(found)

    def some_threads(self) -> dict[str, int]:
        """As ``threads``, after waiting for the first worker."""
        while not (found := self.threads()):
            time.sleep(min(PATIENCE, self._seconds))
        return found

    def lost(self, why: str) -> ConnectionError:
        """The error for a scheduler that gave up the work, or does not answer."""
        return ConnectionError(
            f"The dask scheduler at {self.address!r} no longer answers for the work it was given ({why}): it has "
            "stopped, was restarted, or cannot be reached; start again when it runs."
        )


def require_scheduler(address: str, seconds: float) -> None:
    """Wait ``seconds`` for a scheduler at an address; dask's client waits for ever where a listener does not answer.

    It raises an OSError, ValueError, TypeError or RuntimeError if nothing answers, if the address is not valid, or if
    it needs TLS that is not configured.
    """

    async def greet() -> None:
        settings = Security().get_connection_args("client")
        (await wait_for(connect(address, timeout=seconds, **settings), seconds)).abort()

    with ThreadPoolExecutor(1) as thread:  # the caller's own may be within an event loop, as in a notebook
        try:
            thread.submit(run, greet()).result()
        except TimeoutError:
            raise OSError(f"no answer in {seconds:g} seconds") from None


def results(client: Client, jobs: Iterable[tuple[Any, tuple[Any, ...], dict[str, Any]]]) -> Iterator[Any]:
    """Results of joblib's delayed calls on the workers of a cluster, each as soon as it is done, in any order.

    ``AHEAD`` calls for each of the workers' threads are submitted at a time. A ConnectionError if the scheduler is
    gone, or has had no worker for ``WORKER_SECONDS``; distributed.KilledWorker if several workers in turn died on one
    call.
    """
    watch, waiting, running = Watch(client), iter(jobs), set[Future]()
    while True:
        most = max(1, AHEAD * sum(watch.threads().values()))
        for function, arguments, named in islice(waiting, max(0, most - len(running))):
            running.add(client.submit(_call, function, arguments, named, pure=False))
        if not running:
            return
        for future in _finished(watch, running):
            running.remove(future)
            yield _result(watch, future)


def _call(function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    return function(*arguments, **named)


def _finished(watch: Watch, running: set[Future]) -> set[Future]:
    """Those that are done, at least one."""
    while True:
        try:
            done: set[Future] = wait(running, timeout=MOST_PATIENCE, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            watch.threads()
        except LOST as error:
            raise watch.lost(type(error).__name__) from None
        else:
            return done


def _result(watch: Watch, future: Future) -> Any:
    """The result of a finished call; dask runs it again if the worker with the result is gone."""
    while True:
        try:
            return future.result(timeout=MOST_PATIENCE)
        except LOST as error:
            raise watch.lost(type(error).__name__) from None
        except TimeoutError:
            if future.status == "error":  # the call's own
                raise
            watch.threads()
