"""Room for an array over all pairs of tasks, asked for before it is made."""

import os
from pathlib import Path

_GIB = 2.0**30


class TooManyTasksError(MemoryError):
    """An array over all pairs of tasks would not fit into memory."""


def require_room(n_tasks: int, *, arrays: int) -> None:
    """Refuse to go on where so many (m, m) arrays at a time take more than the memory that is free.

    Raises
    ------
    TooManyTasksError
    """
    size, free = 8.0 * n_tasks**2, free_memory()
    if arrays * size > free:
        raise TooManyTasksError(
            f"A matrix over all pairs of {n_tasks} tasks takes {size / _GIB:.1f} GiB, {arrays} of them are needed at a "
            f"time and {free / _GIB:.1f} GiB are free; use task_spectrum_, and task_covariance_of(tasks) or "
            "task_correlation_of(tasks) for chosen tasks."
        )


def free_memory() -> float:
    """Bytes that can be had without swapping; all the machine has where the system does not tell."""
    told = Path("/proc/meminfo")
    if told.exists():
        for line in told.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024.0 * int(line.split()[1])
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    return float("inf")
