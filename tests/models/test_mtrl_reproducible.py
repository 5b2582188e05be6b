"""The same bytes from run to run and from process to process, whatever the number of threads."""

import os
import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from patom import MTRLRegressor
from patom.models.threads import one_blas_thread

# Fits of every kind, one with matrices large enough for BLAS to share out, and row passes in their parallel form.
SCRIPT = """
import sys
import warnings
from hashlib import sha256

import numpy as np

from patom import MTRLClassifier, MTRLRegressor
from patom.core import jit

warnings.simplefilter("ignore")


def problem(m, d, rows_each):
    rng = np.random.default_rng(0)
    task = rng.permutation(np.repeat(np.arange(m), rows_each))
    X = rng.standard_normal((task.size, d))
    return X, (X * rng.standard_normal((m, d))[task]).sum(axis=1), task


def show(name, *arrays):
    print(name, sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest())


def fitted(name, model, X, y, task):
    model.fit(X, y, task=task)
    show(name, model.coef_, model.intercept_, model.objective_, model.duality_gap_, model.predict(X, task=task))


X, y, task = problem(5, 4, 12)
for loss in ("squared_error", "huber"):
    fitted(loss, MTRLRegressor(1e-3, 1e-2, loss=loss), X, y, task)
for loss in ("squared_hinge", "logistic", "unclipped_hinge"):
    fitted(loss, MTRLClassifier(1e-3, 1e-2, loss=loss), X, y > 0, task)
fitted("alternating", MTRLRegressor(solver="alternating", max_iter=20), X, y, task)
X, y, task = problem(160, 150, 4)
fitted("large", MTRLRegressor(max_iter=5), X, y, task)
X, y, task = problem(320, 10, 2)
neighbours = 0.5 ** np.abs(np.subtract.outer(np.arange(320), np.arange(320)))
fitted("given", MTRLRegressor(max_iter=5, task_covariance=neighbours), X, y, task)
X, y, task = problem(3, 150, 160)
fitted("moments", MTRLRegressor(max_iter=5), X, y, task)
jit.PARALLEL_WORK = 0
X, y, task = problem(40, 30, 50)
fitted("parallel", MTRLClassifier(max_iter=100), X, y > 0, task)
"""


def printed(threads):
    """What the script prints in a process of its own with so many threads."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, threads)
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.slow
def test_the_same_bytes_whatever_the_number_of_threads():
    one, two = printed("1"), printed("2")
    assert len(one) == 10
    assert two == one


KERNELS = """
import numpy as np
from threadpoolctl import threadpool_info
from patom import MTRLClassifier, MTRLRegressor
import scipy.linalg

rng = np.random.default_rng(0)
task = np.repeat(np.arange(5), 12)
X = rng.standard_normal((task.size, 4))
y = (X * rng.standard_normal((5, 4))[task]).sum(axis=1)
print(*{each.get("architecture") for each in threadpool_info() if each["user_api"] == "blas"})
for model, target in ((MTRLRegressor(1e-3, 1e-2), y), (MTRLClassifier(1e-3, 1e-2), y > 0)):
    print(*model.fit(X, target, task=task).coef_.ravel())
"""


@pytest.mark.slow
def test_fits_agree_to_rounding_whatever_the_blas_kernels():
    """Their bytes do not: that holds for one kind of processor."""
    found = []
    for kernels in ("Prescott", "Nehalem"):  # which every x86-64 processor runs
        done = subprocess.run(
            [sys.executable, "-c", KERNELS], env=os.environ | {"OPENBLAS_CORETYPE": kernels},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found.append(done.stdout.splitlines())
    if found[0][0] == found[1][0]:
        pytest.skip(f"the BLAS here has no kernels to choose from: {found[0][0]}")
    for one, other in zip(found[0][1:], found[1][1:], strict=True):
        np.testing.assert_allclose(np.fromstring(one, sep=" "), np.fromstring(other, sep=" "), rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_the_same_bytes_every_time(loss):
    rng = np.random.default_rng(0)
    X, y, task = rng.standard_normal((40, 3)), rng.standard_normal(40), rng.integers(0, 4, 40)
    one, other = (MTRLRegressor(1e-2, 1e-2, loss=loss).fit(X, y, task=task) for _ in range(2))
    assert one.coef_.tobytes() == other.coef_.tobytes()
    assert (one.objective_, one.duality_gap_, one.n_iter_) == (other.objective_, other.duality_gap_, other.n_iter_)


def test_global_random_state_plays_no_part():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    MTRLRegressor().fit(X, y)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def blas_threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_one_blas_thread_inside_the_block_only():
    with threadpool_limits(limits=2, user_api="blas"):
        outside = blas_threads()
        with one_blas_thread():
            assert set(blas_threads()) == {1}
        assert blas_threads() == outside
        with pytest.raises(KeyError), one_blas_thread():
            raise KeyError
        assert blas_threads() == outside
