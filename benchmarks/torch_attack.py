"""PyTorch's way to the exact gradient: autograd through an unrolled proximal solver, in double precision."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.attack_steps import Step
from benchmarks.torch_peers import TensorData, squared_nuclear_prox
from patom.core.arrays import FloatArray


@dataclass(frozen=True)
class Unrolled:
    """Accelerated proximal steps from ``step.W`` on clean and injected rows, and the derivative through them.

    All tasks go through one batched product, rows padded to the longest task. The constant L is known, and with
    squared error the steps run on moments, which are made anew each time, inside the derivative.
    """

    step: Step

    @cached_property
    def _padded(self) -> tuple[Any, Any, Any, Any]:
        """Rows (m, n, p) with zeros in the injected rows' places, targets, weights, and these places."""
        import torch

        clean, injected = self.step.clean, self.step.injection
        counts = clean.counts + np.bincount(injected.task_index, minlength=clean.n_tasks)
        m, longest = clean.n_tasks, int(counts.max())
        X, y = np.zeros((m, longest, clean.n_columns)), np.zeros((m, longest))
        place = np.arange(clean.y.size) - clean.offsets[:-1][clean.task_index]
        X[clean.task_index, place], y[clean.task_index, place] = clean.X, clean.y
        slots, filled = np.empty(injected.y.size, dtype=np.int64), clean.counts.copy()
        for r, i in enumerate(injected.task_index):
            slots[r] = filled[i]
            filled[i] += 1
        y[injected.task_index, slots] = injected.y
        weight = (np.arange(longest) < counts[:, None]) / counts[:, None]
        index = torch.from_numpy(injected.task_index), torch.from_numpy(slots)
        return torch.from_numpy(X), torch.from_numpy(y), torch.from_numpy(weight), index

    @cached_property
    def smoothness(self) -> float:
        """The constant L, known beforehand."""
        return self.step.plain(self.step.injection).smoothness

    def run(self, steps: int, *, differentiate: bool = True) -> tuple[FloatArray, FloatArray]:
        """Slopes of the utility by the injected features, (r, d), zeros unless asked for, and W."""
        import torch

        features = torch.from_numpy(self.step.injection.X).clone().requires_grad_(differentiate)
        with torch.set_grad_enabled(differentiate):
            W = self._descend(self._data(features), steps)
            if differentiate:
                self._utility(W).backward()
        slopes = features.grad.numpy() if differentiate else np.zeros(features.shape)
        return slopes, W.detach().numpy()

    def _descend(self, data: TensorData, steps: int) -> Any:
        import torch

        W = Y = torch.from_numpy(self.step.W)
        momentum = 1.0
        for _ in range(steps):
            ahead = squared_nuclear_prox(data, Y - data.gradient(Y) / self.smoothness, self.smoothness)
            if float(torch.sum((Y - ahead) * (ahead - W)).detach()) > 0.0:
                momentum = 1.0
            following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
            Y = ahead + (momentum - 1.0) / following * (ahead - W)
            W, momentum = ahead, following
        return W

    def _data(self, features: Any) -> TensorData:
        import torch

        X, y, weight, index = self._padded
        rows = torch.cat([features, torch.ones(features.shape[0], 1, dtype=features.dtype)], dim=1)
        X = X.index_put(index, rows)
        lam = self.step.lam
        if self.step.program.problem.loss.margin:
            return TensorData(lam, lam, X=X, y=y, weight=weight)
        weighted = (2.0 * weight[:, :, None] * X).transpose(1, 2)
        return TensorData(lam, lam, A=torch.bmm(weighted, X), b=torch.bmm(weighted, y[:, :, None])[:, :, 0])

    def _utility(self, W: Any) -> Any:
        import torch

        rows, aimed = self.step.clean, self.step.aimed
        X, y = torch.from_numpy(rows.X[aimed]), torch.from_numpy(rows.y[aimed])
        z = torch.sum(X * W[torch.from_numpy(rows.task_index[aimed])], dim=1)
        loss = torch.relu(1.0 - y * z) if self.step.program.problem.loss.margin else y - z
        return torch.mean(loss**2)
