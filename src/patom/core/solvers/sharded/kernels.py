"""Compiled passes over borrowed rows: one stream over the features, all work on a task done while it is in cache.

The constant feature is implied: the last entry of w_i is multiplied by a 1 that is not in memory. ``order`` lists the
rows task by task; where it is empty they are in that order already. A kernel treats the tasks ``first`` to ``last - 1``
and reads and writes their rows of (m, p) arrays; sums over these tasks go to ``sums``. Features may be float32, sums
are float64.
"""

import numpy as np

from patom.core.arrays import AnyArray, FloatArray, IntArray
from patom.core.jit import compiled_serial, inlined
from patom.core.losses import loss_at, slope_at

_POWER_STEPS = 20


@inlined
def _row(order: IntArray, place: int) -> int:
    return order[place] if order.size > 0 else place


@inlined
def _products(X: AnyArray, row: int, other: int, w: FloatArray) -> tuple[float, float]:
    """Predictions for two rows: two at a time share the loads of w and hide each other's latency."""
    d, z, z_other = X.shape[1], 0.0, 0.0
    for c in range(d):
        z += X[row, c] * w[c]
        z_other += X[other, c] * w[c]
    return float(z + w[d]), float(z_other + w[d])


@inlined
def _add(X: AnyArray, row: int, other: int, weight: float, weight_other: float, out: FloatArray) -> None:
    """Both rows times their weights, added to ``out``."""
    d = X.shape[1]
    for c in range(d):
        out[c] += weight * X[row, c] + weight_other * X[other, c]
    out[d] += weight + weight_other


@inlined
def _gradient(
    X: AnyArray,
    y: FloatArray,
    order: IntArray,
    start: int,
    stop: int,
    kind: int,
    delta: float,
    w: FloatArray,
    gradient: FloatArray,
    valued: bool,
) -> float:
    """The gradient of one task's mean loss, and the loss itself if ``valued``."""
    share, value = 1.0 / (stop - start), 0.0
    gradient[:] = 0.0
    for j in range(start, stop, 2):
        row, alone = _row(order, j), j + 1 == stop
        other = row if alone else _row(order, j + 1)
        z, z_other = _products(X, row, other, w)
        slope = slope_at(kind, delta, z, y[row])
        slope_other = 0.0 if alone else slope_at(kind, delta, z_other, y[other])
        if valued:
            value += loss_at(kind, delta, z, y[row])[0]
            value += 0.0 if alone else loss_at(kind, delta, z_other, y[other])[0]
        _add(X, row, other, share * slope, share * slope_other, gradient)  # also with weight 0: no branch to predict
    return share * value


@compiled_serial
def differentiate(
    X: AnyArray,
    y: FloatArray,
    order: IntArray,
    offsets: IntArray,
    first: int,
    last: int,
    kind: int,
    delta: float,
    W: FloatArray,
    gradient: FloatArray,
    sums: FloatArray,
) -> None:
    """The data term's gradient at W, both with the rows of these tasks only; ``sums[0]`` its value.

    ``gradient`` may be W itself, which is then overwritten.
    """
    w = np.empty(W.shape[1])
    for i in range(first, last):
        w[:] = W[i - first]
        sums[0] += _gradient(X, y, order, offsets[i], offsets[i + 1], kind, delta, w, gradient[i - first], True)


@compiled_serial
def forward(
    X: AnyArray,
    y: FloatArray,
    order: IntArray,
    offsets: IntArray,
    first: int,
    last: int,
    kind: int,
    delta: float,
    W: FloatArray,
    Z: FloatArray,
    L: float,
) -> None:
    """Z = W - gradient/L."""
    for i in range(first, last):
        _gradient(X, y, order, offsets[i], offsets[i + 1], kind, delta, W[i], Z[i], False)
        for c in range(W.shape[1]):
            Z[i, c] = W[i, c] - Z[i, c] / L


@compiled_serial
def accelerate(
    X: AnyArray,
    y: FloatArray,
    order: IntArray,
    offsets: IntArray,
    first: int,
    last: int,
    kind: int,
    delta: float,
    W: FloatArray,
    Y: FloatArray,
    Z: FloatArray,
    ahead: FloatArray,
    push: float,
    L: float,
    sums: FloatArray,
) -> None:
    """From the last step's W and Y to the next: W is ``ahead``, Y = W + push (W - last W), Z = Y - gradient/L.

    ``ahead`` has the rows of these tasks only. ``sums[0]`` is <last Y - ahead, ahead - last W>: positive where the
    momentum points uphill.
    """
    uphill = 0.0
    for i in range(first, last):
        for c in range(W.shape[1]):
            now = ahead[i - first, c]
            step = now - W[i, c]
            uphill += (Y[i, c] - now) * step
            W[i, c] = now
            Y[i, c] = now + push * step
        _gradient(X, y, order, offsets[i], offsets[i + 1], kind, delta, Y[i], Z[i], False)
        for c in range(W.shape[1]):
            Z[i, c] = Y[i, c] - Z[i, c] / L
    sums[0] += uphill


@compiled_serial
def largest_curvature(
    X: AnyArray,
    order: IntArray,
    offsets: IntArray,
    first: int,
    last: int,
    start: FloatArray,
    largest: FloatArray,
    squares: FloatArray,
) -> None:
    """``largest[0]``: largest eigenvalue over tasks of sum_j x_ij x_ij'/n_i, by power iteration in one stream.

    It comes from below, from ``start``, shape (p,). ``squares``, shape (p,): the largest entries of the diagonals.
    """
    v, image = np.empty(start.size), np.empty(start.size)
    for i in range(first, last):
        v[:] = start
        share, square = 1.0 / (offsets[i + 1] - offsets[i]), 0.0
        _raise_to_squares(X, order, offsets[i], offsets[i + 1], image, squares)
        for _ in range(_POWER_STEPS):
            image[:] = 0.0
            for j in range(offsets[i], offsets[i + 1], 2):
                row, alone = _row(order, j), j + 1 == offsets[i + 1]
                other = row if alone else _row(order, j + 1)
                z, z_other = _products(X, row, other, v)
                _add(X, row, other, share * z, 0.0 if alone else share * z_other, image)
            square = 0.0
            for c in range(v.size):
                square += image[c] * image[c]
            for c in range(v.size):
                v[c] = image[c] / np.sqrt(square)
        largest[0] = max(largest[0], np.sqrt(square))


@inlined
def _raise_to_squares(
    X: AnyArray, order: IntArray, start: int, stop: int, sums: FloatArray, squares: FloatArray
) -> None:
    """Raise ``squares`` to one task's mean squares where these are larger; ``sums`` is overwritten."""
    d = X.shape[1]
    sums[:] = 0.0
    for j in range(start, stop):
        row = _row(order, j)
        for c in range(d):
            value = np.float64(X[row, c])
            sums[c] += value * value
    sums[d] = stop - start
    for c in range(d + 1):
        squares[c] = max(squares[c], sums[c] / (stop - start))


@compiled_serial
def value_without_weights(
    y: FloatArray, order: IntArray, offsets: IntArray, first: int, last: int, kind: int, delta: float, sums: FloatArray
) -> None:
    """``sums[0]``: the data term at W = 0."""
    for i in range(first, last):
        value = 0.0
        for j in range(offsets[i], offsets[i + 1]):
            row = _row(order, j)
            value += loss_at(kind, delta, 0.0, y[row])[0]
        sums[0] += value / (offsets[i + 1] - offsets[i])


@compiled_serial
def predict(X: AnyArray, offsets: IntArray, W: FloatArray, z: FloatArray) -> None:
    """Predictions w_i'x_ij for rows that are in the order of their tasks."""
    for i in range(offsets.size - 1):
        for j in range(offsets[i], offsets[i + 1], 2):
            other = j if j + 1 == offsets[i + 1] else j + 1
            z[j], z[other] = _products(X, j, other, W[i])


@compiled_serial
def collect(X: AnyArray, offsets: IntArray, weight: FloatArray, out: FloatArray) -> None:
    """Sums of weighted rows, task by task, of rows in that order; ``out`` has shape (m, p)."""
    for i in range(offsets.size - 1):
        out[i, :] = 0.0
        for j in range(offsets[i], offsets[i + 1], 2):
            alone = j + 1 == offsets[i + 1]
            other = j if alone else j + 1
            _add(X, j, other, weight[j], 0.0 if alone else weight[other], out[i])
