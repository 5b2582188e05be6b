"""Compile with numba, cached on disk where there is a folder to cache in."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

from numba import njit

Kernel = Callable[..., None]


def compiled(*, parallel: bool = False) -> Callable[[Kernel], Kernel]:
    """Decorate a kernel of plain loops.

    Sums may be reassociated so that they vectorise; NaN and infinity keep their meaning. Where no folder can be
    written (a read-only installation without a home), the kernel is compiled anew in each process.
    """
    options: dict[str, Any] = {"parallel": parallel, "nogil": True, "fastmath": {"reassoc", "contract"}}

    def decorate(kernel: Kernel) -> Kernel:
        if parallel:  # numba's cache knows a kernel by its name, and would mix up the two versions of one
            kernel = _renamed(kernel, f"{kernel.__qualname__}_parallel")
        try:
            fast: Kernel = njit(cache=True, **options)(kernel)
        except RuntimeError:  # numba found no folder for its cache
            fast = njit(**options)(kernel)
        return fast

    return decorate


def _renamed(kernel: Kernel, name: str) -> Kernel:
    assert isinstance(kernel, FunctionType)
    copy = FunctionType(kernel.__code__, kernel.__globals__, name, kernel.__defaults__, kernel.__closure__)
    copy.__qualname__, copy.__module__ = name, kernel.__module__
    return copy
