"""Problems drawn at random, awkward ones among them, and what may come of a fit: judged in extended precision.

Columns from 1e-320 to 1e308, collinear, constant or zero; targets from denormal to 1e150; lambdas from 1e-12 to 1e12.
"""

import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from loss_models import LOSSES
from sklearn.exceptions import ConvergenceWarning

from patom.core.solvers.solution import Status

EPS = float(np.finfo(np.float64).eps)
LOSS_NAMES = tuple(LOSSES)
PATHS = ("copied", "borrowed", "sharded")
LIMITS = [
    ("lambda_1", 1e-50, 1e50),
    ("lambda_2", 1e-50, 1e50),
    ("huber_delta", 1e-60, 1e60),
    ("task_covariance", 1e-30, 1e30),
]


@dataclass
class Drawn:
    """A problem and the settings of its estimator; ``path``: how the rows are held."""

    seed: int
    X: Any
    y: Any
    task: Any
    loss: str
    settings: dict[str, Any]
    path: str
    weight: Any = None

    @property
    def values(self):
        """X as the estimator reads it."""
        with np.errstate(over="ignore"):
            return np.asarray(self.X, dtype=self.settings["row_dtype"])

    def model(self):
        return LOSSES[self.loss][0](loss=self.loss, **self.settings)


def draw(seed):
    """A problem by its seed."""
    rng = np.random.default_rng([14, seed])
    m, d, loss = int(rng.integers(1, 9)), int(rng.integers(1, 13)), str(rng.choice(LOSS_NAMES))
    task = np.repeat(np.arange(m), rng.integers(1, 41, m) + (m == 1))  # two rows at least: one of each class
    X = _scaled(rng, _features(rng, task.size, d))
    y = _targets(rng, X, task, margin=not loss.startswith(("squared_error", "huber")))
    order = rng.permutation(task.size)
    X, y, task = X[order], y[order], task[order]
    frame = pd.DataFrame(X, columns=[f"feature {c}" for c in range(d)]) if rng.random() < 0.2 else X
    settings, path = _settings(rng, m, loss), str(rng.choice(PATHS, p=[0.6, 0.2, 0.2]))
    return Drawn(seed, frame, y, task, loss, settings, path, _weight(rng, task.size))


def _log_uniform(rng, low, high, size=None):
    """10^u: by its digits, so that denormal numbers come out."""
    u = rng.uniform(low, high, size)
    whole = np.floor(u)
    return (
        10.0 ** (u - whole) * np.power(10.0, np.maximum(whole, -300.0)) * np.power(10.0, np.minimum(whole + 300.0, 0.0))
    )


def _features(rng, n, d):
    X = rng.standard_normal((n, d))
    kind = rng.choice(["plain", "collinear", "duplicate", "constant", "zero", "whole"])
    if kind == "collinear":
        k = int(rng.integers(1, d + 1))
        X = rng.standard_normal((n, k)) @ rng.standard_normal((k, d))
    elif kind == "duplicate":
        X = X[:, rng.integers(0, d, d)]
    elif kind == "constant":
        X[:, rng.random(d) < 0.5] = rng.standard_normal()
    elif kind == "zero":
        X[:, rng.random(d) < 0.5] = 0.0
    elif kind == "whole":
        X = rng.integers(-3, 4, (n, d)).astype(float)
    return X


def _scaled(rng, X):
    kind, d = (
        rng.choice(["plain", "shifted", "mild", "strong", "one wild", "wild"], p=[0.3, 0.1, 0.15, 0.15, 0.2, 0.1]),
        X.shape[1],
    )
    scales = np.ones(d)
    if kind == "shifted":
        X = X + _log_uniform(rng, 0, 8)
    elif kind == "mild":
        scales = _log_uniform(rng, -4, 4, d)
    elif kind == "strong":
        scales[rng.integers(d)] = _log_uniform(rng, -30, 30)
    elif kind == "one wild":
        scales[rng.integers(d)] = _log_uniform(rng, -320, 308)
    elif kind == "wild":
        scales = _log_uniform(rng, -320, 308, d)
    with np.errstate(over="ignore", under="ignore"):
        return np.clip(X * scales, -1e308, 1e308)


def _targets(rng, X, task, *, margin):
    n, d = X.shape
    unit = X / np.maximum(np.abs(X).max(axis=0), np.finfo(float).tiny)
    y = (unit * rng.standard_normal((task[-1] + 1, d))[task]).sum(axis=1)
    y = y + float(rng.choice([0.0, 0.1, 1.0])) * rng.standard_normal(n)
    if margin:
        y = np.where(y > 0.0, 1.0, -1.0)
        y[0] = -y[-1]
        return y
    kind = rng.choice(["plain", "shifted", "scaled", "wild", "zero", "constant"], p=[0.4, 0.15, 0.15, 0.2, 0.05, 0.05])
    if kind == "shifted":
        return y + _log_uniform(rng, 0, 8)
    if kind == "scaled":
        return y * _log_uniform(rng, -12, 12)
    if kind == "wild":
        with np.errstate(under="ignore"):
            return y * _log_uniform(rng, -320, 150)
    if kind == "zero":
        return np.zeros(n)
    return np.full(n, 3.0) if kind == "constant" else y


def _settings(rng, m, loss):
    lambdas = _log_uniform(rng, -12, 12, 2) if rng.random() < 0.6 else _log_uniform(rng, -4, 1, 2)
    if rng.random() < 0.05:
        lambdas[rng.integers(2)] = _log_uniform(rng, -320, 308)
    if rng.random() < 0.25:
        lambdas[rng.integers(2)] = 0.0
    settings = {"lambda_1": float(lambdas[0]), "lambda_2": float(lambdas[1])}
    settings["max_iter"] = int(rng.choice([100, 1000]))
    settings["row_dtype"] = "float32" if rng.random() < 0.15 else "float64"
    if loss == "huber":
        settings["huber_delta"] = float(rng.choice([1.0, _log_uniform(rng, -8, 8), _log_uniform(rng, -80, 80)]))
    choice = rng.random()
    if choice < 0.2:
        settings |= {"solver": "alternating", "max_iter": 100}
    elif choice < 0.4:
        settings["task_covariance"] = _covariance(rng, m)
    return settings


def _weight(rng, n):
    kind = rng.choice(["none", "whole", "wild"], p=[0.8, 0.1, 0.1])
    if kind == "none":
        return None
    return rng.integers(1, 4, n).astype(float) if kind == "whole" else _log_uniform(rng, -320, 300, n)


def _covariance(rng, m):
    factor = rng.standard_normal((m, int(rng.integers(1, m + 1))))
    kind = rng.choice(["singular", "full", "apart"])
    omega = {"singular": factor @ factor.T, "full": factor @ factor.T + np.eye(m), "apart": np.eye(m)}[str(kind)]
    size = rng.choice([1.0, _log_uniform(rng, -12, 12), _log_uniform(rng, -100, 100)], p=[0.6, 0.3, 0.1])
    return omega * size


# ---- judging, in extended precision


def judged(drawn):
    """Fit and judge: the word for what came of it. Every other end fails an assertion or raises."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("error")
        warnings.simplefilter("always", ConvergenceWarning)
        try:
            model = drawn.model().fit(drawn.X, drawn.y, task=drawn.task, sample_weight=drawn.weight)
        except ValueError as error:
            _judge_refusal(drawn, str(error))
            return "refused"
        _judge_numbers(model)
        _judge_predictions(drawn, model)
    assert bool(told) == (model.status_ not in (Status.CONVERGED, Status.PRECISION)), (model.status_, told)
    _judge_certificate(drawn, model)
    return model.status_.name


def _judge_refusal(drawn, sentence):
    """It names what is beyond the limits, and something is."""
    _judge_sentence(drawn, sentence)
    if sentence.startswith("X holds"):
        assert float(np.abs(drawn.values[:, _column(sentence)]).max()) > 1e40, sentence
    elif sentence.startswith("y holds"):
        assert 0.0 < np.abs(drawn.y).max() < 1e-100 or np.abs(drawn.y).max() > 1e60, sentence
    else:
        name, low, high = next(limit for limit in LIMITS if limit[0] in sentence)
        assert "must be 0 or from" in sentence
        assert not low <= np.abs(drawn.settings[name]).max() <= high, sentence


def _judge_sentence(drawn, sentence, start=""):
    assert sentence.startswith(start)
    assert "\n" not in sentence
    assert sentence.endswith("."), sentence
    if "column" in sentence:
        assert ("column 'feature " in sentence) == isinstance(drawn.X, pd.DataFrame), sentence
        assert 0 <= _column(sentence) < drawn.X.shape[1]


def _column(sentence):
    return int(re.search(r"column (?:'feature )?(\d+)", sentence)[1])


def _judge_numbers(model):
    for name in ("coef_", "intercept_", "objective_", "duality_gap_"):
        assert np.isfinite(getattr(model, name)).all(), (name, model.status_)
    assert model.duality_gap_ >= 0.0
    assert np.isfinite(model.task_spectrum_).all()
    assert np.isfinite(model.task_covariance_).all()
    assert np.isfinite(model.task_correlation_).all()


def _judge_predictions(drawn, model):
    ask = "predict" if drawn.loss in ("squared_error", "huber") else "decision_function"
    far = drawn.X * np.where(np.abs(drawn.X) < 1e100, 1e200, 1.0)
    for X in (drawn.X, far):
        try:
            assert np.isfinite(getattr(model, ask)(X, task=drawn.task)).all()
        except ValueError as error:
            _judge_sentence(drawn, str(error), start="The prediction for row ")


def _judge_certificate(drawn, model):
    found, goal = certificate(drawn, model), model.tol * min(1.0, model.objective_)
    converged, rounding = model.status_ is Status.CONVERGED, float(found["rounding"])
    assert converged == (model.duality_gap_ <= goal), (model.status_, model.duality_gap_)
    most = goal + rounding if converged else 10.0 * model.duality_gap_ + 4.0 * rounding
    assert found["gap"] <= most, (model.duality_gap_, found)
    off, close = abs(model.objective_ - float(found["objective"])), model.duality_gap_
    if drawn.path == "sharded":  # which sums up predictions by factors of W
        close = max(close, model.tol * model.objective_)
    assert off <= rounding + 0.01 * close, (model.objective_, found)
    assert model.objective_ <= 1.001 * found["at zero"] + rounding, (model.objective_, found)
    if model.status_ is Status.PRECISION:
        assert model.duality_gap_ <= 1e-4 * found["at zero"], (model.duality_gap_, found)


def certificate(drawn, model):
    """Objective and Fenchel gap at the fitted weights, and what float64 may add to either."""
    X, y, index = _as_rows(drawn)
    W = np.column_stack([model.coef_, model.intercept_]).astype(np.longdouble)
    share = np.ones(len(y), dtype=np.longdouble) if drawn.weight is None else drawn.weight.astype(np.longdouble)
    share = share / _by_task(share, index)[index]
    delta = np.longdouble(drawn.settings.get("huber_delta", 1.0))
    z = (X * W[index]).sum(axis=1)
    value, slope = _loss(drawn.loss, z, y, delta)
    at_zero = (share * _loss(drawn.loss, np.zeros_like(z), y, delta)[0]).sum()
    G = np.zeros_like(W)
    np.add.at(G, index, (share * slope)[:, None] * X)
    penalty = _penalty(drawn)
    R, dual = penalty(W, -G)
    size = at_zero + (share * 2.0 * (np.abs(X) * np.abs(W[index])).sum(axis=1) ** 2).sum() + R
    return {
        "objective": (share * value).sum() + R,
        "gap": R + dual + (W * G).sum(),
        "rounding": 64.0 * EPS * size + np.finfo(float).tiny,
        "at zero": at_zero,
    }


def _by_task(values, index):
    sums = np.zeros(index.max() + 1, dtype=np.longdouble)
    np.add.at(sums, index, values)
    return sums


def _as_rows(drawn):
    X = drawn.values.astype(np.longdouble)
    X = np.column_stack([X, np.ones(len(X))])
    y = np.asarray(drawn.y, dtype=np.longdouble)
    return X, y, drawn.task


def _loss(name, z, y, delta):
    """Values and slopes."""
    if name in ("squared_error", "unclipped_hinge"):
        return (z - y) ** 2, 2.0 * (z - y)
    if name == "squared_hinge":
        short = np.maximum(1.0 - y * z, 0.0)
        return short**2, -2.0 * y * short
    if name == "logistic":
        with np.errstate(under="ignore"):
            small = np.exp(-np.abs(z))
        wrong = np.where(y * z > 0.0, small / (1.0 + small), 1.0 / (1.0 + small))
        return np.maximum(0.0, -y * z) + np.log1p(small), -y * wrong
    far = np.abs(z - y)
    return np.where(far <= delta, far**2, 2.0 * delta * far - delta**2), 2.0 * np.clip(z - y, -delta, delta)


def _penalty(drawn):
    """The map (W, V) -> R(W), R*(V)."""
    l_1, l_2 = (np.longdouble(drawn.settings[name]) for name in ("lambda_1", "lambda_2"))
    omega = drawn.settings.get("task_covariance")
    if omega is None:
        return lambda W, V: _spectral(singular_values(W), singular_values(V), l_1, l_2)
    stiffness, U = _stiffness(omega, l_1, l_2)

    def quadratic(W, V):
        R = 0.5 * (stiffness[:, None] * (U.T @ W) ** 2).sum()
        return R, 0.5 * ((U.T @ V) ** 2 / stiffness[:, None]).sum()

    return quadratic


def _stiffness(omega, l_1, l_2):
    U, s = _rotated(np.asarray(omega, dtype=np.longdouble))
    kept = s > len(s) * EPS * s.max()
    if l_2 == 0.0:
        return np.full(len(s), l_1), np.eye(len(s), dtype=np.longdouble)
    return l_1 + l_2 / s[kept], U[:, kept]


def _spectral(s, t, l_1, l_2):
    R = 0.5 * l_1 * (s**2).sum() + 0.5 * l_2 * s.sum() ** 2
    if l_1 == 0.0:
        return R, t[0] ** 2 / (2.0 * l_2)
    falls = np.concatenate([[0.0], np.cumsum(np.arange(1, t.size) * (t[:-1] - t[1:]))])  # sums of t_j - t_k, j <= k
    k = int((l_1 * t > l_2 * falls).sum())
    x = np.zeros_like(t)
    if k:
        x[:k] = np.maximum(t[:k] + l_2 / l_1 * (k * (t[:k] - t[k - 1]) - falls[k - 1]), 0.0) / (l_1 + l_2 * k)
    return R, 0.5 * (t * x).sum()  # R* is a square, so that R*(V) = <V, X>/2


def singular_values(A):
    """Descending, in extended precision."""
    A = A if A.shape[0] >= A.shape[1] else A.T
    return np.sort(_rotated(A)[1])[::-1]


def _rotated(A):
    """Left singular vectors and values by Jacobi's rotations of columns (Hestenes), in A's precision."""
    A, k = A.copy(), A.shape[1]
    for _ in range(40):
        turned = False
        for i in range(k):
            for j in range(i + 1, k):
                a, b, c = A[:, i] @ A[:, i], A[:, j] @ A[:, j], A[:, i] @ A[:, j]
                if np.abs(c) <= 1e-18 * np.sqrt(a) * np.sqrt(b):
                    continue
                turned, cot = True, (b - a) / (2.0 * c)
                t = (1.0 if cot >= 0.0 else -1.0) / (np.abs(cot) + np.hypot(cot, 1.0))
                cos = 1.0 / np.hypot(t, 1.0)
                A[:, i], A[:, j] = cos * (A[:, i] - t * A[:, j]), cos * (t * A[:, i] + A[:, j])
        if not turned:
            break
    s = np.sqrt((A**2).sum(axis=0))
    return A / np.where(s > 0.0, s, 1.0), s
