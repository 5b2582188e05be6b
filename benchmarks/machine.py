"""The machine and the settings a result was measured with."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numba
from threadpoolctl import threadpool_info

_PACKAGES = ("patom", "numpy", "scipy", "numba", "scikit-learn", "cvxpy", "clarabel", "scs", "torch")


def facts() -> dict[str, Any]:
    """Processor, cores, versions, BLAS libraries and thread settings, as they are now."""
    return {
        "utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name)) is not None},
        "thread_pools": [
            {key: pool.get(key) for key in ("user_api", "internal_api", "version", "architecture", "num_threads")}
            for pool in threadpool_info()
        ],
        "numba_threads": numba.get_num_threads(),
    }


def load_average() -> float | None:
    """Processes that wanted a core over the last minute, None where the system does not count them."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
