"""Fits in several threads at once, and in processes that were forked after one."""

import os
import subprocess
import sys
import threading

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from patom.models.threads import one_blas_thread, one_thread

# Row passes in their parallel form, however small. Another thread than the main one starts them.
FIT = """
import sys
import numba
import numpy as np
from patom import MTRLClassifier, MTRLRegressor
from patom.core import jit

jit.PARALLEL_WORK = 0
rng = np.random.default_rng(0)
task = np.repeat(np.arange(6), 40)
X = rng.standard_normal((task.size, 5))
y = (X * rng.standard_normal((6, 5))[task]).sum(axis=1)

def fit(_=None):
    regressor, classifier = MTRLRegressor(0.01, 0.01, loss="huber"), MTRLClassifier(0.01, 0.01, loss="logistic")
    return np.concatenate([regressor.fit(X, y, task=task).coef_, classifier.fit(X, y > 0, task=task).coef_])

try:
    first = fit()
except ValueError as error:
    sys.exit("no layer" if "threading layer" in str(error) else str(error))
assert jit.PARALLEL_WORK == 0
"""
THREADS = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    for found in pool.map(fit, range(24)):
        assert found.tobytes() == first.tobytes()
print(numba.threading_layer())
"""
FORK = """
import multiprocessing
with multiprocessing.get_context("fork").Pool(2) as pool:
    for found in pool.map_async(fit, range(4)).get(timeout=60):
        np.testing.assert_allclose(found, first, rtol=0.0, atol=1e-12)
assert fit().tobytes() == first.tobytes()
print(numba.threading_layer())
"""
# A thread that holds what there is to hold while another one forks.
FORK_MEANWHILE = """
import os, signal, threading
from patom.core.jit import _turn
from patom.models.threads import one_blas_thread

inside, leave = threading.Event(), threading.Event()
def hold():
    with one_blas_thread(), _turn.lock:
        inside.set()
        leave.wait(60)
thread = threading.Thread(target=hold)
thread.start()
inside.wait(60)
child = os.fork()
if child == 0:
    signal.alarm(60)
    fit()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
leave.set()
thread.join()
print(numba.threading_layer())
"""


def run(layer, script):
    """The layer that the script ran on; skips where numba has none of that name here."""
    environment = os.environ | {"NUMBA_THREADING_LAYER": layer, "NUMBA_NUM_THREADS": "2"}
    quietly = ("-W", "ignore::DeprecationWarning")  # of Python 3.12, which minds a fork beside threads
    done = subprocess.run(
        [sys.executable, *quietly, "-c", FIT + script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "no layer" in done.stderr:
        pytest.skip(f"numba has no threading layer {layer} here")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{layer}\n"


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_fits_in_several_threads_give_the_same_bytes(layer):
    run(layer, THREADS)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
@pytest.mark.parametrize("script", [FORK, FORK_MEANWHILE], ids=["after a fit", "beside a thread"])
def test_a_forked_process_fits_too(layer, script):
    run(layer, script)


def blas_threads():
    """Of the libraries that have any: those that other tests load may be built without."""
    return {
        library["num_threads"]
        for library in threadpool_info()
        if library["user_api"] == "blas" and library.get("threading_layer") != "disabled"
    }


@pytest.mark.parametrize("limit", [one_blas_thread, one_thread])
def test_blocks_of_two_threads_overlap(limit):
    """The first to come in sets the limit and the last to leave lifts it."""
    inside, leave = threading.Event(), threading.Event()

    def other():
        with limit():
            inside.set()
            leave.wait(60.0)

    with threadpool_limits(limits=2, user_api="blas"):
        before, thread = blas_threads(), threading.Thread(target=other)
        with limit():
            thread.start()
            assert inside.wait(60.0)
        assert blas_threads() == {1}
        leave.set()
        thread.join()
        assert blas_threads() == before
        assert before == {2}
