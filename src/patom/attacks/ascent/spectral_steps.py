"""Lengths of spectral projected gradient steps (Barzilai and Borwein 1988; Birgin, Martinez and Raydan 2000)."""

import numpy as np

from patom.core.arrays import FloatArray

_SPAN_OF_ROWS = (0.05, 20.0)  # a row's step before projection, in sizes of the region
_SPAN_OF_ALL = (1e-3, 1e3)  # the longest row's, where all share one scale
_NONE = 1e-150  # a slope that counts as none
_SHORT = 1e-6  # of the longest row's slope: shorter ones count as so long
_GROWTH = 4.0  # of a scale along which the slope did not fall


def first_scales(slopes: FloatArray, size: float, *, per_row: bool) -> FloatArray:
    """Factors on the slopes that move each row, or the row of the largest slope, by ``size``; shape (r, 1).

    >>> first_scales(np.array([[3.0, 4.0], [0.0, 1.0]]), 2.0, per_row=True).ravel()
    array([0.4, 2. ])
    >>> first_scales(np.array([[3.0, 4.0], [0.0, 1.0]]), 2.0, per_row=False).ravel()
    array([0.4, 0.4])
    """
    return size / _lengths(slopes, per_row=per_row)


def next_scales(
    scales: FloatArray, move: FloatArray, fall: FloatArray, slopes: FloatArray, size: float, *, per_row: bool
) -> FloatArray:
    """Factors for the next step: <move, move> / <move, fall>, the inverse curvature along the last move; shape (r, 1).

    ``scales`` are the last factors, ``fall`` is by how much the slopes fell along the last ``move``, and ``slopes`` are
    the new ones, all by row. No step is much longer than ``size``, that of the region, or next to nothing. With
    ``per_row`` each row has a factor by its own curvature, else all rows have one.
    """
    squares, bends = (move**2).sum(axis=1, keepdims=True), (move * fall).sum(axis=1, keepdims=True)
    if not per_row:
        squares, bends = np.full_like(squares, squares.sum()), np.full_like(bends, bends.sum())
    curved = bends > np.finfo(float).tiny
    wanted = np.divide(squares, bends, out=_GROWTH * scales, where=curved)
    low, high = _SPAN_OF_ROWS if per_row else _SPAN_OF_ALL
    unit = size / _lengths(slopes, per_row=per_row)
    return np.asarray(np.clip(wanted, low * unit, high * unit))


def shortened(length: float, rise: float, slope: float) -> float:
    """A shorter length of a move: where the parabola through the slope and the rise found peaks, within limits.

    >>> shortened(1.0, rise=-1.0, slope=1.0), shortened(1.0, rise=-1e9, slope=1.0)
    (0.25, 0.1)
    """
    bend = length * slope - rise
    peak = 0.5 * length**2 * slope / bend if bend > 0.0 else 0.5 * length
    return float(min(max(peak, 0.1 * length), 0.5 * length))


def _lengths(slopes: FloatArray, *, per_row: bool) -> FloatArray:
    lengths = np.linalg.norm(slopes, axis=1, keepdims=True)
    longest = max(float(lengths.max(initial=0.0)), _NONE)
    # A row without a slope, such as one beyond the hinge's margin, stays, and its factor must stay finite.
    return np.maximum(lengths, _SHORT * longest) if per_row else np.full_like(lengths, longest)
