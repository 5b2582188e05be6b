"""Spread work over processes, and leave Ctrl-C and a closed terminal to the process that was started."""

import os
import signal
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from multiprocessing import resource_tracker
from typing import Any

from joblib import Parallel
from joblib.externals.loky.backend import resource_tracker as folder_tracker
from joblib.externals.loky.process_executor import TerminatedWorkerError

IDLE_SECONDS = 60.0
"""How long a worker whose parent was killed waits for work before it leaves."""
CONNECT_SECONDS = 10.0
"""How long a dask scheduler may take to answer."""
TERMINAL = [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]
"""What a terminal sends to all of its processes: Ctrl-C, and that it was closed."""


def in_order(jobs: Iterable[Any], n_jobs: int) -> Iterator[Any]:
    """Results of joblib's delayed calls, in their order, each as soon as it and all before it are done.

    Workers start with the terminal's signals blocked: a Ctrl-C reaches them too, and the parent, which stops them,
    should be the only one to say so. Leaving early stops the work that is under way. A ChildProcessError if a worker
    was ended from outside.

    >>> from joblib import delayed
    >>> list(in_order((delayed(pow)(2, k) for k in range(4)), n_jobs=1))
    [1, 2, 4, 8]
    """
    return _results(jobs, n_jobs, "generator")


def as_they_finish(jobs: Iterable[Any], n_jobs: int, *, dask: str | None = None) -> Iterator[Any]:
    """Results of joblib's delayed calls, each as soon as it is done, in any order; otherwise as ``in_order``.

    ``n_jobs`` are processes of this machine; ``dask`` is the address of a dask scheduler whose workers do the work in
    their place.

    Raises
    ------
    ConnectionError
        No scheduler answers at the address, or it has no workers; or it went, or was without any worker for
        ``patom.cluster.WORKER_SECONDS``, while there was work left.
    ChildProcessError
        If a worker was ended from outside; of a cluster, workers time and again.
    ModuleNotFoundError
        dask.distributed is not installed.

    >>> from joblib import delayed
    >>> sorted(as_they_finish((delayed(pow)(2, k) for k in range(4)), n_jobs=1))
    [1, 2, 4, 8]
    """
    if dask is None:
        yield from _results(jobs, n_jobs, "generator_unordered")
        return
    with dask_client(dask) as client:
        yield from import_module("patom.cluster").results(client, jobs)


def _results(jobs: Iterable[Any], n_jobs: int, order: str) -> Iterator[Any]:
    # One job at a time to a worker, or a finished one would wait for others of its batch.
    options: dict[str, Any] = {"return_as": order, "batch_size": 1}
    if n_jobs > 1:
        options["idle_worker_timeout"] = IDLE_SECONDS
    with _terminal_blocked() if n_jobs > 1 else nullcontext():
        results = Parallel(n_jobs=n_jobs, **options)(jobs)
    try:
        for result in results:  # noqa: UP028  (`yield from` would close the results outside of the finally below)
            yield result
    except TerminatedWorkerError:
        raise ChildProcessError(
            "A worker process was ended from outside, as happens when memory runs out: fewer jobs or fewer rows "
            "need less."
        ) from None
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib's, of results nobody took
            results.close()


def _track_folders_quietly() -> None:
    """Start the process that deletes joblib's temporary folders, without its warnings.

    After a Ctrl-C it may find one deleted already, and would say so on the terminal below our own sentence.
    """
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (before, "ignore:resource_tracker")))
    try:
        folder_tracker.ensure_running()
    finally:
        del os.environ["PYTHONWARNINGS"]
        if before is not None:
            os.environ["PYTHONWARNINGS"] = before


@contextmanager
def dask_client(address: str) -> Iterator[Any]:
    """A client of the scheduler at an address; errors as ``as_they_finish`` has them."""
    try:
        distributed = import_module("dask.distributed")  # an extra
    except ModuleNotFoundError:
        raise ModuleNotFoundError("dask.distributed is not installed; install patom[dask] to use a cluster.") from None
    try:
        import_module("patom.cluster").require_scheduler(address, CONNECT_SECONDS)
        client = distributed.Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TypeError, RuntimeError) as error:  # the last two of an address that asks for TLS
        raise ConnectionError(f"No dask scheduler answers at {address!r} ({error}); start one, or mend it.") from None
    with client:
        if not client.scheduler_info()["workers"]:
            raise ConnectionError(f"The dask scheduler at {address!r} has no workers; start one at least.")
        try:
            yield client
        except distributed.KilledWorker as error:
            raise ChildProcessError(f"Workers of the dask cluster were ended from outside: {error}") from None


@contextmanager
def _terminal_blocked() -> Iterator[None]:
    """Processes started meanwhile inherit the mask; a signal comes through to this one afterwards.

    Among them are the two that delete what workers leave behind, joblib's and Python's. Starting one lets interrupts
    through, so they go first.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows, which has no masks
        _track_folders_quietly()
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL)
    try:
        _track_folders_quietly()
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
