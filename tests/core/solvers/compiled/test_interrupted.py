"""A signal whose handler raises, as Ctrl-C does, in the middle of a solve: that is what the caller sees."""

import itertools
import subprocess
import sys

import pytest

from patom.core.jit import interruptible

SCRIPT = """
import signal

import numpy as np

from patom.core import losses
from patom.core.data_term import data_term
from patom.core.rows import group_rows
from patom.core.solvers.accelerated import solve
from patom.core.penalties.learned import SpectralPenalty

rng, index = np.random.default_rng(0), np.repeat(np.arange(7), 60)
X, y = rng.standard_normal((index.size, 12)), rng.standard_normal(index.size)
terms = [data_term(group_rows(X, np.sign(y), index, 7), loss) for loss in (losses.squared_error, losses.squared_hinge)]
expected = [solve(term, SpectralPenalty(1e-3, 1e-3)).W for term in terms]


def stop(*_):
    raise KeyboardInterrupt


signal.signal(signal.SIGALRM, stop)
stopped = 0
for _ in range(4_000):
    try:
        signal.setitimer(signal.ITIMER_REAL, 1e-4 + 2e-3 * rng.random())
        while True:
            for term in terms:
                solve(term, SpectralPenalty(1e-3, 1e-3))
    except KeyboardInterrupt:
        stopped += 1
signal.setitimer(signal.ITIMER_REAL, 0.0)
for term, W in zip(terms, expected, strict=True):
    assert solve(term, SpectralPenalty(1e-3, 1e-3)).W.tobytes() == W.tobytes()
print(stopped)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no timer signals")
def test_thousands_of_interrupts():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stdout.strip()) == (0, "4000"), done.stderr[-2_000:]


@interruptible
def fail(*causes):
    """Raise the last of the exceptions, each the cause of the next."""
    for cause, error in itertools.pairwise(causes):
        error.__cause__ = cause
    raise causes[-1]


@pytest.mark.parametrize("layers", [1, 3])
def test_an_error_of_ones_own_comes_out_as_it_is(layers):
    causes = [KeyboardInterrupt(), *(SystemError("returned a result with an exception set") for _ in range(layers))]
    with pytest.raises(KeyboardInterrupt) as raised:
        fail(*causes)
    assert raised.value is causes[0]


def test_a_system_error_without_a_cause_stays_one():
    with pytest.raises(SystemError, match="of the system"):
        fail(SystemError("of the system"))
