"""Each task's own optimum for a given D: a ridge problem in k coordinates, solved exactly.

A task's weights are A a with A of shape (p, k) shared by all, and a minimises sum_j l(f_j'a, y_j)/n_i + ||a||^2/2 with
f_j = A'x_j. Newton's equations are solved by Cholesky factors in the task's rows or in the k coordinates, whichever
are fewer, and shortened where a full step goes uphill; a quadratic loss needs one.
"""

import numpy as np

from patom.core.arrays import FloatArray, IntArray
from patom.core.jit import compiled_serial
from patom.core.losses import SQUARED_HINGE, loss_at

_MOST_STEPS, _BISECTIONS = 100, 40
_CLOSE = 1e-8  # relative; a Newton step squares it
_ROUNDING = 1e-13


@compiled_serial
def _cross_products(F: FloatArray, K: FloatArray) -> None:
    """K = F F', four rows against two at a time: the loads of each serve the others."""
    n = F.shape[0]
    for i in range(0, n, 4):
        i1, i2, i3 = min(i + 1, n - 1), min(i + 2, n - 1), min(i + 3, n - 1)
        for j in range(0, min(i + 4, n), 2):
            j1 = min(j + 1, n - 1)
            a, a1, a2, a3, b, b1, b2, b3 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for c in range(F.shape[1]):
                a += F[i, c] * F[j, c]
                a1 += F[i1, c] * F[j, c]
                a2 += F[i2, c] * F[j, c]
                a3 += F[i3, c] * F[j, c]
                b += F[i, c] * F[j1, c]
                b1 += F[i1, c] * F[j1, c]
                b2 += F[i2, c] * F[j1, c]
                b3 += F[i3, c] * F[j1, c]
            K[i, j], K[i1, j], K[i2, j], K[i3, j] = a, a1, a2, a3
            K[i, j1], K[i1, j1], K[i2, j1], K[i3, j1] = b, b1, b2, b3
            K[j, i], K[j, i1], K[j, i2], K[j, i3] = a, a1, a2, a3
            K[j1, i], K[j1, i1], K[j1, i2], K[j1, i3] = b, b1, b2, b3


@compiled_serial
def _factor(M: FloatArray, size: int) -> None:
    """M's upper triangle, the part that is read, turns into its Cholesky factor R, M = R'R; four rows at a time.

    M is I plus a positive semi-definite matrix, so a pivot below 1 is rounding.
    """
    for i in range(0, size, 4):
        last = min(i + 4, size)
        for r in range(i, last):
            M[r, r] = max(M[r, r], 1.0)
            scale = 1.0 / np.sqrt(M[r, r])
            for c in range(r, size):
                M[r, c] *= scale
            for q in range(r + 1, last):
                factor = M[r, q]
                for c in range(q, size):
                    M[q, c] -= factor * M[r, c]
        for j in range(last, size):  # then there were four
            f, f1, f2, f3 = M[i, j], M[i + 1, j], M[i + 2, j], M[i + 3, j]
            for c in range(j, size):
                M[j, c] -= f * M[i, c] + f1 * M[i + 1, c] + f2 * M[i + 2, c] + f3 * M[i + 3, c]


@compiled_serial
def _solve(M: FloatArray, b: FloatArray, size: int) -> None:
    """Replace b by M^-1 b, M positive definite and replaced by its factor."""
    _factor(M, size)
    for i in range(size):
        b[i] /= M[i, i]
        for c in range(i + 1, size):
            b[c] -= b[i] * M[i, c]
    for i in range(size - 1, -1, -1):
        rest = 0.0
        for c in range(i + 1, size):
            rest += M[i, c] * b[c]
        b[i] = (b[i] - rest) / M[i, i]


@compiled_serial
def _step_by_rows(K: FloatArray, g: FloatArray, s: FloatArray, M: FloatArray, b: FloatArray) -> None:
    """Coefficients b of the rows, a = F'b, with b = g - s^2 K b: s v where (I + s K s) v = g/s, and g where s = 0."""
    n = g.size
    for j in range(n):
        total = 0.0
        for i in range(n):
            if s[i] == 0.0:
                total += K[j, i] * g[i]
        b[j] = g[j] / s[j] - s[j] * total if s[j] > 0.0 else 0.0
        for i in range(j, n):
            M[j, i] = s[j] * s[i] * K[j, i]
        M[j, j] += 1.0
    _solve(M, b, n)
    for j in range(n):
        b[j] = s[j] * b[j] if s[j] > 0.0 else g[j]


@compiled_serial
def _step_by_columns(F: FloatArray, g: FloatArray, s: FloatArray, M: FloatArray, b: FloatArray) -> None:
    """The coordinates b = a themselves: (I + F's^2F) a = F'g."""
    k = F.shape[1]
    for c in range(k):
        b[c] = 0.0
        for e in range(c, k):
            M[c, e] = 0.0
        M[c, c] = 1.0
    for j in range(F.shape[0]):
        for c in range(k):
            b[c] += g[j] * F[j, c]
        weight = s[j] * s[j]
        if weight > 0.0:
            for c in range(k):
                pull = weight * F[j, c]
                for e in range(c, k):
                    M[c, e] += pull * F[j, e]
    _solve(M, b, k)


@compiled_serial
def _linearise(kind: int, delta: float, z: FloatArray, y: FloatArray, g: FloatArray, s: FloatArray) -> None:
    """The loss around z as s^2 z^2/2 - g z, over n rows."""
    share = 1.0 / z.size
    for j in range(z.size):
        _, slope, curvature = loss_at(kind, delta, z[j], y[j])
        g[j] = share * (curvature * z[j] - slope)
        s[j] = np.sqrt(share * curvature)


@compiled_serial
def _predict(S: FloatArray, b: FloatArray, z: FloatArray) -> None:
    for j in range(z.size):
        total = 0.0
        for c in range(b.size):
            total += S[j, c] * b[c]
        z[j] = total


@compiled_serial
def _climb(
    kind: int,
    delta: float,
    y: FloatArray,
    z: FloatArray,
    ahead: FloatArray,
    b: FloatArray,
    b_ahead: FloatArray,
    t: float,
) -> tuple[float, float]:
    """Derivative of the objective along a step, t of it away, and the size of what cancels in it."""
    slope, size = 0.0, 0.0
    for j in range(z.size):
        step = ahead[j] - z[j]
        pull = loss_at(kind, delta, z[j] + t * step, y[j])[1] / z.size
        slope += pull * step
        size += abs(pull) * max(abs(z[j]), abs(ahead[j]))
    for j in range(b.size):
        along = ahead[j] - z[j] if b.size == z.size else b_ahead[j] - b[j]
        slope += (b[j] + t * (b_ahead[j] - b[j])) * along
    return slope, size


@compiled_serial
def _shorten(
    kind: int, delta: float, y: FloatArray, z: FloatArray, ahead: FloatArray, b: FloatArray, b_ahead: FloatArray
) -> None:
    """Cut a step off where the objective, convex along it, is lowest."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        if _climb(kind, delta, y, z, ahead, b, b_ahead, middle)[0] > 0.0:
            high = middle
        else:
            low = middle
    for j in range(b.size):
        b_ahead[j] = b[j] + high * (b_ahead[j] - b[j])


@compiled_serial
def _moved(last: FloatArray, ahead: FloatArray) -> bool:
    """Copy the predictions, and say whether they moved by more than the last step of quadratic convergence may."""
    step, size = 0.0, 0.0
    for j in range(ahead.size):
        step, size = max(step, abs(ahead[j] - last[j])), max(size, abs(ahead[j]))
        last[j] = ahead[j]
    return bool(step > _CLOSE * size)


@compiled_serial
def _settle(
    F: FloatArray, S: FloatArray, y: FloatArray, kind: int, delta: float, M: FloatArray, work: FloatArray
) -> float:
    """One task from the predictions ``work[0]`` to its optimum's, with coefficients in ``work[1]``; the mean loss.

    S is F F', where coefficients are the rows', or F.
    """
    n, size = S.shape
    z, b, g, s, ahead, b_ahead = work[0, :n], work[1, :size], work[2, :n], work[3, :n], work[4, :n], work[5, :size]
    for step in range(_MOST_STEPS):
        _linearise(kind, delta, z, y, g, s)
        if n == size:
            _step_by_rows(S, g, s, M, b_ahead)
        else:
            _step_by_columns(F, g, s, M, b_ahead)
        _predict(S, b_ahead, ahead)
        if step > 0:  # the first predictions belong to no coefficients
            before, cancels = _climb(kind, delta, y, z, ahead, b, b_ahead, 0.0)
            after, _ = _climb(kind, delta, y, z, ahead, b, b_ahead, 1.0)
            if after > max(0.5 * abs(before), _ROUNDING * cancels):
                _shorten(kind, delta, y, z, ahead, b, b_ahead)
                _predict(S, b_ahead, ahead)
        b[:] = b_ahead
        if not _moved(z, ahead) or kind < SQUARED_HINGE:
            break
    value = 0.0
    for j in range(n):
        value += loss_at(kind, delta, z[j], y[j])[0]
    return float(value / n)


@compiled_serial
def _write(
    F: FloatArray,
    work: FloatArray,
    y: FloatArray,
    kind: int,
    delta: float,
    by_rows: bool,
    coordinates: FloatArray,
    duals: FloatArray,
) -> None:
    n, k = F.shape
    for j in range(n):
        duals[j] = -loss_at(kind, delta, work[0, j], y[j])[1] / n
    for c in range(k):
        coordinates[c] = 0.0 if by_rows else work[1, c]
    if by_rows:
        for j in range(n):
            for c in range(k):
                coordinates[c] += work[1, j] * F[j, c]


@compiled_serial
def settle(
    F: FloatArray,
    y: FloatArray,
    offsets: IntArray,
    kind: int,
    delta: float,
    predictions: FloatArray,
    coordinates: FloatArray,
    duals: FloatArray,
    sums: FloatArray,
) -> None:
    """Settle every task of a block; ``sums[0]`` is the sum of their mean losses.

    ``F``, shape (n, k), holds the rows' coordinates, grouped by ``offsets``, shape (m + 1,), which start at 0.
    ``predictions``, shape (n,), is where Newton's steps start, and receives the settled ones; ``coordinates``, shape
    (m, k), receives the settled a and ``duals``, shape (n,), -l'(z_j, y_j)/n_i there.
    """
    k = F.shape[1]
    most = 0
    for i in range(offsets.size - 1):
        most = max(most, offsets[i + 1] - offsets[i])
    work = np.empty((6, max(most, k)))
    square, system = np.empty(k * k), np.empty(k * k)
    for i in range(offsets.size - 1):
        start, stop = offsets[i], offsets[i + 1]
        n, rows, S = stop - start, F[start:stop], F[start:stop]
        size = k
        if n <= k:  # then by rows, also where n = k: the sizes tell which
            size, S = n, square[: n * n].reshape(n, n)
            _cross_products(rows, S)
        work[0, :n] = predictions[start:stop]
        M = system[: size * size].reshape(size, size)
        sums[0] += _settle(rows, S, y[start:stop], kind, delta, M, work)
        _write(rows, work, y[start:stop], kind, delta, n <= k, coordinates[i], duals[start:stop])
        predictions[start:stop] = work[0, :n]


@compiled_serial
def curvatures(z: FloatArray, y: FloatArray, kind: int, delta: float, out: FloatArray) -> None:
    """The loss's second derivative at each prediction."""
    for j in range(z.size):
        out[j] = loss_at(kind, delta, z[j], y[j])[2]
