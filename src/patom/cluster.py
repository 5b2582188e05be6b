"""Work on a dask cluster that never waits for ever: neither for a scheduler that is gone, nor for its last worker."""

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
"""How long a cluster may be without any worker: time enough to start one in the place of one that died."""
PATIENCE = 0.5
"""Seconds to wait for answers before the first look whether the cluster still lives."""
MOST_PATIENCE = 10.0
"""Seconds between two looks at most."""
AHEAD = 2
"""Jobs that are sent to the cluster for each of its threads."""
LOST = (CancelledError, TaskCancelled, CommClosedError)
"""What dask raises of work that it has given up, as when the scheduler is gone, was restarted, or went meanwhile."""


class Watch:
    """Tells who waits for a cluster whether there is still somebody to wait for.

    Parameters
    ----------
    client : distributed.Client
    seconds : float, optional
        How long the cluster may be without any worker; ``WORKER_SECONDS`` by default.

    Raises
    ------
    ConnectionError
        Where the client is closed.
    """

    def __init__(self, client: Client, seconds: float | None = None) -> None:
        if client.status != "running":
            raise ConnectionError(f"The dask client is not connected, its status is {client.status!r}; make a new one.")
        self.address = str(client.scheduler.address)
        self._client, self._seconds = client, WORKER_SECONDS if seconds is None else seconds
        self._without_since: float | None = None

    def threads(self) -> dict[str, int]:
        """Threads of each worker that is there, by address; none where there was a worker lately.

        Raises
        ------
        ConnectionError
            The scheduler does not answer, or has had no worker for too long.
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
        """The error for a scheduler that has given up the work, or does not answer."""
        return ConnectionError(
            f"The dask scheduler at {self.address!r} no longer answers for the work it was given ({why}): it has "
            "stopped, was restarted, or cannot be reached; start again when it runs."
        )


def require_scheduler(address: str, seconds: float) -> None:
    """Wait so long for a scheduler at an address; dask's client would wait for ever where somebody listens in silence.

    Raises
    ------
    OSError, ValueError, TypeError, RuntimeError
        Nobody answers, the address is none, or it asks for TLS that is not configured.
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

    Parameters
    ----------
    client : distributed.Client
    jobs : iterable of joblib.delayed calls
        Taken as the workers get on: ``AHEAD`` calls for each of their threads are under way.

    Raises
    ------
    ConnectionError
        The scheduler is gone, or has had no worker for ``WORKER_SECONDS``.
    distributed.KilledWorker
        Workers died time and again on one call.
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
    """Those that are done, one at least."""
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
    """What a finished call returned; it is called again where its worker took the answer along."""
    while True:
        try:
            return future.result(timeout=MOST_PATIENCE)
        except LOST as error:
            raise watch.lost(type(error).__name__) from None
        except TimeoutError:
            if future.status == "error":  # the call's own
                raise
            watch.threads()
