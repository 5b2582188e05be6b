"""One thread inside a solve: the matrices are small, and results do not depend on the number of BLAS threads."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from threading import Lock, Thread, current_thread

import numba
import numpy as np  # noqa: F401  (loads the BLAS that the controller looks for)
import scipy.linalg  # noqa: F401  (loads the one that compiled loops call, which may be another)
from threadpoolctl import OpenBLASController, ThreadpoolController


class _Limit:
    """BLAS has one number of threads a process: the first thread to enter sets it, and the last to leave resets it."""

    def __init__(self) -> None:
        self.lock, self.limits, self.inside = Lock(), ExitStack(), 0
        self.setter: Thread | None = None

    def enter(self) -> None:
        with self.lock:
            if self.inside == 0:
                self.limits.enter_context(_controller().limit(limits=1, user_api="blas"))
                self.setter = current_thread()
            self.inside += 1

    def leave(self) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                if self.setter is not current_thread():
                    _let_any_thread_set()
                self.limits.close()
                self.setter = None

    def after_fork(self) -> None:
        """In the child: a thread that held the lock is gone; one that was inside left the limit, which does no harm."""
        self.lock = Lock()


_limit = _Limit()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_limit.after_fork)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread within the block, which several threads may enter at once."""
    _limit.enter()
    try:
        yield
    finally:
        _limit.leave()


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit BLAS and numba to one thread within the block: for work that is spread over processes already."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        with one_blas_thread():
            yield
    finally:
        numba.set_num_threads(before)


def _let_any_thread_set() -> None:
    """From version 3.8 on threadpoolctl lets only the thread that set OpenBLAS's number before set it again."""
    clear = getattr(OpenBLASController, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


@cache
def _controller() -> ThreadpoolController:
    # Looking for the loaded libraries takes milliseconds, so it is done once.
    return ThreadpoolController()
