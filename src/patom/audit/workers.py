"""Spread work over processes, results in order, and leave Ctrl-C to the process that was started."""

import signal
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing import resource_tracker
from typing import Any

from joblib import Parallel
from joblib.externals.loky.process_executor import TerminatedWorkerError


def in_order(jobs: Iterable[Any], n_jobs: int) -> Iterator[Any]:
    """Results of joblib's delayed calls, in their order, each as soon as it and all before it are done.

    Workers start with interrupts blocked: a Ctrl-C at the terminal reaches them too, and the parent, which stops
    them, should be the only one to say so. Leaving early stops the work that is under way.

    Raises
    ------
    ChildProcessError
        If a worker was ended from outside.

    Examples
    --------
    >>> from joblib import delayed
    >>> list(in_order((delayed(pow)(2, k) for k in range(4)), n_jobs=1))
    [1, 2, 4, 8]
    """
    with _interrupts_blocked() if n_jobs > 1 else nullcontext():
        results = Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
    try:
        for result in results:  # noqa: UP028  (`yield from` would close the results outside of the finally below)
            yield result
    except TerminatedWorkerError:
        raise ChildProcessError(
            "A worker process was ended from outside, as happens when memory runs out: fewer jobs or a smaller "
            "max_rows need less."
        ) from None
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib's, of results nobody took
            results.close()


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Processes started meanwhile inherit the mask; an interrupt comes through to this one afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows, which has no masks
        yield
        return
    resource_tracker.ensure_running()  # joblib starts it too, and starting it resets the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
