"""One thread inside a solve: the matrices are small, and the bytes no longer depend on the machine's setting."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numba
import numpy as np  # noqa: F401  (loads the BLAS that the controller looks for)
import scipy.linalg  # noqa: F401  (loads the one that compiled loops call, which may be another)
from threadpoolctl import ThreadpoolController


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread within the block."""
    with _controller().limit(limits=1, user_api="blas"):
        yield


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


@cache
def _controller() -> ThreadpoolController:
    # Looking for the loaded libraries takes milliseconds, so it is done once.
    return ThreadpoolController()
