"""One size of the scale benchmark in a process of its own: ``python -m benchmarks.scale_child SETTINGS``.

``SETTINGS`` is JSON with the fields of ``scale_bench.Size``, ``rounds`` and ``allowance`` (seconds). The answer, JSON
on the standard output: times of fits, and the high-water mark of resident memory over what the process held before it
had data: imports, compiled code, one small fit.
"""

import ctypes
import gc
import json
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from patom import MTRLClassifier, MTRLRegressor

ITERATIONS = 10
_LAMBDA, _RANK, _NOISE = 0.1, 3, 0.3
_WARM_UP = 5_000  # tasks, at most: enough work for the parallel versions of the loops
_WARM_UP_ROWS = 200_000
_BLOCK = 1_000_000  # numbers that are drawn at a time


def main() -> None:
    settings = json.loads(sys.argv[1])
    model = MTRLClassifier if settings["loss"] == "squared hinge" else MTRLRegressor
    _warm_up(model, settings)
    _forget()
    before = _resident("VmRSS")
    data = _data(*(settings[name] for name in ("tasks", "rows", "features", "loss")))
    _forget()  # what drawing them took
    size = sum(array.nbytes for array in data)
    fixed, total, began = [], [], time.perf_counter()
    while len(total) < settings["rounds"]:
        fixed.append(_fit(model, data, ITERATIONS)[0])
        seconds, fitted = _fit(model, data, 10_000)
        total.append(seconds)
        if len(total) == 1:
            peak = _resident("VmHWM") - before
        if time.perf_counter() - began > settings["allowance"]:
            break
    found = {
        "data_bytes": size, "peak_bytes": peak, "fixed": fixed, "total": total, "steps": int(fitted.n_iter_),
        "gap": float(fitted.duality_gap_ / fitted.objective_), "status": fitted.status_.name.lower(),
        "rank": int(fitted.task_spectrum_.size),
    }  # fmt: skip
    print(json.dumps(found))


def _warm_up(model: Any, settings: dict[str, Any]) -> None:
    """Compile what small and large fits take; those of few tasks may take another way."""
    tasks, features, loss = min(settings["tasks"], _WARM_UP), settings["features"], settings["loss"]
    _fit(model, _data(tasks, max(1, min(settings["rows"], _WARM_UP_ROWS // tasks)), features, loss), 10_000)
    _fit(model, _data(_WARM_UP, 20, features, loss), ITERATIONS)


def _fit(model: Any, data: tuple[Any, ...], max_iter: int) -> tuple[float, Any]:
    X, y, task = data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of steps
        began = time.perf_counter()
        fitted = model(_LAMBDA, _LAMBDA, max_iter=max_iter).fit(X, y, task=task)
    return time.perf_counter() - began, fitted


def _data(tasks: int, rows: int, features: int, loss: str) -> tuple[Any, ...]:
    """Rows of norm about 1/2 and targets of rank 3 with noise, or their signs; drawn in place, block by block."""
    rng = np.random.default_rng(0)
    X, y = np.empty((tasks, rows, features)), np.empty((tasks, rows))
    shared = rng.standard_normal((_RANK, features))
    step = max(1, _BLOCK // (rows * features))
    for start in range(0, tasks, step):
        block, target = X[start : start + step], y[start : start + step]
        rng.standard_normal(out=block)
        block *= 0.5 / np.sqrt(features)
        W = rng.standard_normal((block.shape[0], _RANK)) @ shared
        np.matmul(block, W[:, :, None], out=target[:, :, None])
        target += _NOISE * rng.standard_normal(target.shape)
        if loss == "squared hinge":
            np.copysign(1.0, target, out=target)
    return X.reshape(-1, features), y.reshape(-1), np.repeat(np.arange(tasks), rows)


def _resident(field: str) -> int:
    """Bytes of resident memory now (VmRSS) or at most so far (VmHWM)."""
    status = Path("/proc/self/status")
    if not status.exists():  # no /proc: the process's own peak, in kilobytes or, on macOS, bytes
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    line = next(line for line in status.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def _forget() -> None:
    """What came before is not the fit's memory: give back what is free, and begin a new high-water mark."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform.startswith("linux") else None
    if trim is not None:
        trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


if __name__ == "__main__":
    main()
