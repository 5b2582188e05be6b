"""Work spread over processes comes back in order, and stops without a word when nobody wants the rest."""

import os
import signal
import subprocess
import sys
import time
import warnings

import pytest
from joblib import delayed

from patom.workers import in_order


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_results_come_in_order(n_jobs):
    def odd_ones_wait(k):
        time.sleep(0.02 * (k % 2))
        return k

    assert list(in_order((delayed(odd_ones_wait)(k) for k in range(6)), n_jobs)) == list(range(6))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_comes_through_as_it_was(n_jobs):
    def fail(_):
        raise ValueError("budget of the audit is odd.")

    with pytest.raises(ValueError, match=r"^budget of the audit is odd\.$"):
        list(in_order((delayed(fail)(k) for k in range(3)), n_jobs))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_leaving_early_is_silent(n_jobs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = in_order((delayed(time.sleep)(0.05) for _ in range(40)), n_jobs)
        assert next(results) is None
        results.close()


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="the system has no signal masks")
@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_interrupts_are_left_to_the_parent(name):
    def blocked():
        return getattr(signal, name) in signal.pthread_sigmask(signal.SIG_BLOCK, [])

    assert list(in_order((delayed(blocked)() for _ in range(2)), 2)) == [True, True]
    assert not blocked()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_a_worker_that_dies_is_one_sentence():
    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(ChildProcessError, match="A worker process was ended from outside") as caught:
        list(in_order((delayed(die)() for _ in range(2)), 2))
    assert caught.value.__suppress_context__


FOLDER_GONE = """
import os
from joblib import delayed
from joblib.externals.loky.backend import resource_tracker
from patom.workers import in_order

print(list(in_order((delayed(pow)(2, k) for k in range(3)), n_jobs=2)), os.environ.get("PYTHONWARNINGS"))
resource_tracker.register("/no/such/folder", "folder")
resource_tracker.maybe_unlink("/no/such/folder", "folder")
"""


@pytest.mark.parametrize("own", [None, "ignore:nothing"])
def test_a_folder_that_is_gone_already_is_no_news(own):
    """As after Ctrl-C, when workers and the process that deletes their folders race each other."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    environment |= {} if own is None else {"PYTHONWARNINGS": own}
    done = subprocess.run(
        [sys.executable, "-c", FOLDER_GONE], capture_output=True, text=True, check=True, env=environment, timeout=60
    )
    assert (done.stdout, done.stderr) == (f"[1, 2, 4] {own}\n", "")
