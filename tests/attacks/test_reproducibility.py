"""The same seed gives the same bytes, from run to run and whatever the number of threads or the hash seed."""

import os
import subprocess
import sys

import numpy as np
import pytest

from patom import PATOM, RandomAttack, ThreatModel

LOSSES = ("squared_error", "squared_hinge")

# Labels in sets, whose order changes with the hash seed; every loop in parallel, however small.
SCRIPT = """
import sys
import numpy as np
from patom import PATOM, Ball, MTRLClassifier, MTRLRegressor, ThreatModel
from patom.core import jit
jit.PARALLEL_WORK *= 0
rng = np.random.default_rng(0)
X, task = Ball().sample(120, 12, rng), np.repeat(["north", "east", "south", "west"], 30)
y = X @ np.arange(12.0) + 0.1 * rng.standard_normal(120)
threat = ThreatModel({"north", "east", "south"}, {"south", "west", "north"}, 0.3)
for model, target in ((MTRLRegressor(), y), (MTRLClassifier(), y > 0)):
    result = PATOM(max_iter=3, n_starts=2).poison(model, X, target, task=task, threat=threat, random_state=7)
    for values in (result.X, result.history.utility, result.start_utilities, result.model.coef_):
        sys.stdout.write(np.asarray(values, dtype=float).tobytes().hex() + "\\n")
"""


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("attack", [PATOM(max_iter=3, n_starts=2), RandomAttack()], ids=["PATOM", "RandomAttack"])
def test_two_runs_give_the_same_bytes(make_tasks, make_victim, attack, loss):
    X, y, task = make_tasks(loss)
    threat = ThreatModel(["a", "b"], ["c"], 0.3)
    runs = [attack.poison(make_victim(loss), X, y, task=task, threat=threat, random_state=9) for _ in range(2)]
    for name in ("X", "y", "task", "start_utilities"):
        assert getattr(runs[0], name).tobytes() == getattr(runs[1], name).tobytes()
    for name in ("utility", "gap", "solver_steps"):
        assert runs[0].history[name].tobytes() == runs[1].history[name].tobytes()
    assert runs[0].model.coef_.tobytes() == runs[1].model.coef_.tobytes()
    other = attack.poison(make_victim(loss), X, y, task=task, threat=threat, random_state=10)
    assert not np.array_equal(other.X, runs[0].X)


@pytest.mark.slow
def test_neither_threads_nor_hash_seed_matter():
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT], env=os.environ | _threads(n), stdout=subprocess.PIPE, text=True
        )
        for n in (1, 2)
    ]
    outputs = [process.communicate(timeout=120)[0].split() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    one, two = ([np.frombuffer(bytes.fromhex(line)) for line in lines] for lines in outputs)
    assert len(one) == 8
    for first, second in zip(one, two, strict=True):
        np.testing.assert_allclose(first, second, rtol=0, atol=1e-8)


def _threads(n):
    names = ("NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    return dict.fromkeys(names, str(n)) | {"PYTHONHASHSEED": str(n)}
