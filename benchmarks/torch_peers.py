"""PyTorch on problem (1), in double precision: L-BFGS on a smooth form, and an accelerated proximal method.

Both get what PATOM's reduced form gets, before the clock starts: moments of each task where the loss is quadratic,
else rows padded to the longest task, so that one batched product serves all tasks. The number of steps to the gap
is found beforehand; a clocked run takes so many and looks at no certificate.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.conic_peers import by_task
from benchmarks.contestants import Found, Settle, Settled, objective_and_gap
from benchmarks.interleaved import Run, timed
from patom.models.problem import Problem

LBFGS, PROXIMAL = "PyTorch L-BFGS", "PyTorch proximal"
METHODS = (LBFGS, PROXIMAL)
_CLOSELY = 50  # steps up to which the search looks at the gap after each; later after every tenth
_INITIAL_SCALE = 0.1  # of the factors' entries


def missing() -> list[str]:
    """The package, where it is not installed."""
    return [] if find_spec("torch") else ["torch"]


def settle(method: str, problem: Problem, patience: float) -> Settle:
    """Count the steps to the gap, at most ``patience`` seconds of them."""
    data = TensorData.of(problem)
    begin = partial(_FactoredDescent, data) if method == LBFGS else partial(_ProximalDescent, data, data.smoothness())

    def settled(goal: float) -> Settled:
        descent, started, gap, steps = begin(), time.perf_counter(), np.inf, 0
        while gap > goal and time.perf_counter() - started < patience:
            length = 1 if steps < _CLOSELY else 10
            descent.advance(length)
            steps += length
            gap = objective_and_gap(problem, descent.weights())[1]
        trial = Run(time.perf_counter() - started, Found(descent.weights(), steps, "searched"))
        return Settled(partial(_run, begin, steps), f"{steps} steps", trial, gap, gap <= goal)

    return settled


def _run(begin: Callable[[], Any], steps: int) -> Run:
    def descend() -> Any:
        descent = begin()
        descent.advance(steps)
        return descent

    run = timed(descend)
    return Run(run.seconds, Found(run.outcome.weights(), steps, "stopped"))


@dataclass(frozen=True)
class TensorData:
    """The data term on tensors: by moments A (m, p, p), b (m, p), or by padded rows X (m, n, p), y (m, n)."""

    lambda_1: float
    lambda_2: float
    A: Any = None
    b: Any = None
    X: Any = None
    y: Any = None
    weight: Any = None

    @classmethod
    def of(cls, problem: Problem) -> "TensorData":
        """Second moments for a quadratic loss, else rows."""
        import torch

        tasks, (m, p) = by_task(problem), (problem.rows.n_tasks, problem.rows.n_columns)
        if problem.loss.quadratic:
            A = np.stack([2.0 / y.size * X.T @ X for X, y in tasks])
            b = np.stack([2.0 / y.size * X.T @ y for X, y in tasks])
            return cls(*problem.penalty.weights, A=torch.from_numpy(A), b=torch.from_numpy(b))
        longest = int(problem.rows.counts.max())
        padded, y_padded, weight = np.zeros((m, longest, p)), np.zeros((m, longest)), np.zeros((m, longest))
        for i, (X, y) in enumerate(tasks):
            padded[i, : y.size], y_padded[i, : y.size], weight[i, : y.size] = X, y, 1.0 / y.size
        return cls(
            *problem.penalty.weights,
            X=torch.from_numpy(padded), y=torch.from_numpy(y_padded), weight=torch.from_numpy(weight),
        )  # fmt: skip

    @property
    def shape(self) -> tuple[int, int]:
        """(m, p)."""
        held = self.A if self.X is None else self.X
        return held.shape[0], held.shape[2]

    def value(self, W: Any) -> Any:
        """f(W), up to a constant, for autograd."""
        import torch

        if self.X is None:
            return torch.sum(W * (0.5 * torch.bmm(self.A, W[:, :, None])[:, :, 0] - self.b))
        short = torch.relu(1.0 - self.y * torch.bmm(self.X, W[:, :, None])[:, :, 0])
        return torch.sum(self.weight * short**2)

    def gradient(self, W: Any) -> Any:
        """Its gradient, in closed form."""
        import torch

        if self.X is None:
            return torch.bmm(self.A, W[:, :, None])[:, :, 0] - self.b
        short = torch.relu(1.0 - self.y * torch.bmm(self.X, W[:, :, None])[:, :, 0])
        slopes = -2.0 * self.weight * self.y * short
        return torch.bmm(slopes[:, None, :], self.X)[:, 0, :]

    def smoothness(self) -> float:
        """The gradient's Lipschitz constant, from eigenvalues; off the clock."""
        import torch

        if self.X is None:
            return float(torch.linalg.eigvalsh(self.A).max())
        grams = torch.bmm((2.0 * self.weight[:, :, None] * self.X).transpose(1, 2), self.X)
        return float(torch.linalg.eigvalsh(grams).max())


class _FactoredDescent:
    """``torch.optim.LBFGS`` on W = A B' at full thin rank.

    ||W||_* is the least (||A||^2 + ||B||^2)/2 over such factors, so lambda_2/8 (||A||^2 + ||B||^2)^2 takes the place
    of the squared nuclear norm, and its minima are those of (1).
    """

    def __init__(self, data: TensorData) -> None:
        import torch

        m, p = data.shape
        generator = torch.Generator().manual_seed(0)
        self._factors = [
            (_INITIAL_SCALE * torch.randn(n, min(m, p), dtype=torch.float64, generator=generator)).requires_grad_()
            for n in (m, p)
        ]
        self._data = data
        self._optimiser = torch.optim.LBFGS(
            self._factors, history_size=20, tolerance_grad=0.0, tolerance_change=0.0, line_search_fn="strong_wolfe"
        )

    def advance(self, steps: int) -> None:
        self._optimiser.param_groups[0] |= {"max_iter": steps, "max_eval": 100 * steps}
        self._optimiser.step(self._loss)

    def weights(self) -> Any:
        import torch

        with torch.no_grad():
            A, B = self._factors
            return (A @ B.T).numpy()

    def _loss(self) -> Any:
        self._optimiser.zero_grad()
        A, B = self._factors
        W = A @ B.T
        squares = (A**2).sum() + (B**2).sum()
        loss = self._data.value(W) + 0.5 * self._data.lambda_1 * (W**2).sum() + self._data.lambda_2 / 8 * squares**2
        loss.backward()
        return loss


class _ProximalDescent:
    """Beck and Teboulle's accelerated steps with O'Donoghue and Candes's restart; the prox by a thin SVD."""

    def __init__(self, data: TensorData, L: float) -> None:
        import torch

        self._data, self._L = data, L
        self._W = self._Y = torch.zeros(data.shape, dtype=torch.float64)
        self._momentum = 1.0

    def advance(self, steps: int) -> None:
        import torch

        with torch.no_grad():
            for _ in range(steps):
                ahead = squared_nuclear_prox(self._data, self._Y - self._data.gradient(self._Y) / self._L, self._L)
                if float(torch.sum((self._Y - ahead) * (ahead - self._W))) > 0.0:
                    self._momentum = 1.0
                following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * self._momentum**2))
                self._Y = ahead + (self._momentum - 1.0) / following * (ahead - self._W)
                self._W, self._momentum = ahead, following

    def weights(self) -> Any:
        return self._W.numpy()


def squared_nuclear_prox(data: TensorData, Z: Any, L: float) -> Any:
    """argmin_W L/2 ||W - Z||^2 + lambda_1/2 ||W||^2 + lambda_2/2 ||W||_*^2; autograd goes through it."""
    import torch

    U, s, Qt = torch.linalg.svd(Z, full_matrices=False)
    ridge, nuclear = 1.0 + data.lambda_1 / L, data.lambda_2 / L
    S = torch.cumsum(s, 0) / (ridge + nuclear * torch.arange(1, s.numel() + 1, dtype=s.dtype))
    k = int(torch.count_nonzero(s > nuclear * S))
    x = torch.relu(s - nuclear * S[k - 1]) / ridge if k else torch.zeros_like(s)
    return (U * x) @ Qt
