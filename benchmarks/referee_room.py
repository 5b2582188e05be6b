"""Where a filter that moves rows leaves them, as the referee reads it off the rows that were moved."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.referee_game import Array, Game, Judged

Back = Callable[[Array], Array]


@dataclass(frozen=True)
class Room:
    """Where a filter leaves a row: {c + L u, |u| <= 1}, within the attacker's ball."""

    centre: Array
    root: Array  # L, shape (d, d)
    radius: float

    def inside(self, X: Array) -> Array:
        """U of these rows, shape (r, d)."""
        u = np.linalg.solve(self.root, (X - self.centre).T).T
        return u / np.maximum(1.0, np.linalg.norm(u, axis=1, keepdims=True))

    def rows(self, free: Array) -> tuple[Array, Back]:
        """Rows in the room from any numbers of shape (r, d), and what pulls derivatives by the rows back."""
        u, back_u = _pulled(free, 1.0)
        X, back_X = _pulled(self.centre + u @ self.root.T, self.radius)
        return X, lambda slopes: back_u(back_X(slopes) @ self.root)


def _pulled(X: Array, radius: float) -> tuple[Array, Back]:
    length = np.linalg.norm(X, axis=1, keepdims=True)
    out, far = X * (radius / np.maximum(radius, length)), length > radius
    unit = X / np.where(length > 0.0, length, 1.0)

    def back(slopes: Array) -> Array:
        along = np.sum(slopes * unit, axis=1, keepdims=True) * unit
        return np.where(far, (slopes - along) * radius / np.maximum(length, radius), slopes)

    return out, back


def room_of(game: Game, judged: Judged, shape: Array | None = None) -> Room:
    """The room as rows that were moved show it: they moved along lines to its centre, and lie on its surface.

    ``shape`` is an L of an earlier look, which is scaled to fit. The attacker's ball where no row was moved, or where
    the moved rows do not fit this.
    """
    d = game.X.shape[1]
    away, centre = surface(game, judged)
    if away.shape[0] == 0:
        return Room(np.zeros(d), game.radius * np.eye(d), game.radius)
    lengths = np.linalg.norm(away, axis=1)
    if shape is None or lengths.std() < 1e-5 * lengths.mean():
        return Room(centre, lengths.mean() * np.eye(d), game.radius)
    return Room(centre, np.linalg.norm(np.linalg.solve(shape, away.T), axis=0).mean() * shape, game.radius)


def surface(game: Game, judged: Judged) -> tuple[Array, Array]:
    """Moved rows less the point where the lines meet along which they were moved, and this point; none if they do not.

    Shapes (k, d) and (d,).
    """
    d = game.X.shape[1]
    before = np.concatenate([game.X, judged.rows.X])
    step = judged.moved - before
    size = np.linalg.norm(step, axis=1)
    far = size > 1e-6 * np.abs(before).max()
    unit, ends = step[far] / size[far, None], judged.moved[far]
    across = np.eye(d)[None] - unit[:, :, None] * unit[:, None, :]
    centre = np.linalg.lstsq(across.sum(axis=0), np.einsum("rij,rj->i", across, ends), rcond=None)[0]
    away = ends - centre
    miss = away - np.sum(away * unit, axis=1, keepdims=True) * unit
    if away.shape[0] <= d or np.abs(miss).max() > 1e-5 * np.abs(away).max():
        return np.empty((0, d)), centre
    return away, centre


def shape_of(game: Game, judged: Judged) -> Array | None:
    """L with |L^-1 a| = 1 for all a on the surface, which an ellipsoid needs d (d + 1)/2 moved rows to show."""
    away, _ = surface(game, judged)
    i, j = np.triu_indices(game.X.shape[1])
    if away.shape[0] < i.size:
        return None
    terms = away[:, i] * away[:, j] * np.where(i == j, 1.0, 2.0)
    values, _, rank, _ = np.linalg.lstsq(terms, np.ones(away.shape[0]), rcond=None)
    form = np.zeros((game.X.shape[1],) * 2)
    form[i, j] = form[j, i] = values
    if rank < i.size or np.abs(terms @ values - 1.0).max() > 1e-4 or np.linalg.eigvalsh(form)[0] <= 0.0:
        return None
    return np.asarray(np.linalg.inv(np.linalg.cholesky(form)).T)
