"""ART in an environment of its own: ``python -m benchmarks.svm_driver art``.

Needs ART and NumPy, not PATOM. Answers "ready VERSION", then for each line "PROBLEM ANSWER ITERATIONS" on the standard
input runs the attack on the one archive, writes the other and says "done".

**ART 1.20.1**, ``PoisoningAttackSVM`` (Biggio et al. 2012). Its victim is scikit-learn's ``SVC`` with a linear kernel:
the hinge, not its square; C = 1/(2 n lam) matches our strength. A row is moved ``max_iter`` times, with a refit each,
along its normalised gradient, and clipped to the box; labels stay. By its own ``poison`` every row is planned as if it
were the only one; here, in its favour, each is planned with the others in the training rows, by its public
``generate_attack_point``. ``eps`` is so large that no row stops early (its loop goes on while the objective rises by
*less* than that).
"""

import os
import sys
import time
import warnings
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.interleaved import timed
from benchmarks.ridge import RidgeProblem

STEP, NEVER = 0.1, 1e9


def attack(problem: RidgeProblem, iterations: int) -> np.ndarray[Any, Any]:
    """The injected rows' features; labels must be -1 and +1."""
    from art.attacks.poisoning import PoisoningAttackSVM
    from art.estimators.classification import SklearnClassifier
    from sklearn.svm import SVC

    np.random.seed(0)  # noqa: NPY002  (its gradient adds random numbers to a matrix before inverting it)
    classes, start_classes = (np.eye(2)[(y > 0.0).astype(int)] for y in (problem.y, problem.y_start))
    C = 1.0 / (2.0 * (problem.y.size + problem.y_start.size) * problem.lam)
    victim = SklearnClassifier(SVC(C=C, kernel="linear"), clip_values=(0.0, 1.0))
    poisoner = PoisoningAttackSVM(
        victim, step=STEP, eps=NEVER, x_train=problem.X, y_train=classes, x_val=problem.X, y_val=classes,
        max_iter=iterations, verbose=False,
    )  # fmt: skip
    X = problem.X_start.copy()
    for r in range(X.shape[0]):
        others = np.arange(X.shape[0]) != r
        poisoner.x_train = np.concatenate([problem.X, X[others]])
        poisoner.y_train = np.concatenate([classes, start_classes[others]])
        X[r] = poisoner.generate_attack_point(X[r].copy(), start_classes[r])[0]
    return X


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the peer prints goes to the log
    warnings.simplefilter("ignore")
    import art.attacks.poisoning  # noqa: F401  (whether it loads)

    print("ready", version("adversarial-robustness-toolbox"), file=answers, flush=True)
    for line in sys.stdin:
        source, target, iterations = line.split()
        found = timed(partial(attack, RidgeProblem.load(Path(source)), int(iterations)), time.process_time)
        np.savez(target, X=found.outcome, seconds=found.seconds)
        print("done", file=answers, flush=True)


if __name__ == "__main__":
    main()
