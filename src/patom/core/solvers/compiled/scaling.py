"""Nesterov and Todd's scaling of a pair S, Z of positive definite matrices, compiled."""

from typing import NamedTuple

import numpy as np

from patom.core.arrays import FloatArray
from patom.core.jit import called_exactly
from patom.core.solvers.compiled.small import cholesky, gram, lower_inverse, smallest_eigenvalue, spectrum, times


class Scaling(NamedTuple):
    """G with G' Z G = G^-1 S G^-T = diag(d), and F = G diag(d)^1/2, so that S = F F'.

    ``definite``: whether there is one, that is S > 0 and Z > 0.
    """

    G: FloatArray
    G_inverse: FloatArray
    F: FloatArray
    d: FloatArray
    definite: bool


@called_exactly
def scale(S: FloatArray, Z: FloatArray) -> Scaling:
    """By the eigenvalues of L' Z L, where S = L L'."""
    L, definite = cholesky(S)
    squares, V = spectrum(gram(L, times(Z, L)))
    if not (definite and squares[0] > 0.0):
        return Scaling(S, S, S, S[0], False)
    F, back, d = times(L, V), gram(V, lower_inverse(L)), np.sqrt(squares)
    G = np.empty(S.shape)
    for i in range(d.size):
        root = np.sqrt(d[i])
        for j in range(d.size):
            G[j, i] = F[j, i] / root
            back[i, j] *= root
    return Scaling(G, back, F, d, True)


@called_exactly
def length_to_edge(d: FloatArray, D: FloatArray) -> float:
    """The largest a with diag(d) + a D >= 0."""
    scaled = np.empty(D.shape)
    for i in range(d.size):
        for j in range(d.size):
            scaled[i, j] = D[i, j] / np.sqrt(d[i] * d[j])
    least = smallest_eigenvalue(scaled)
    return -1.0 / least if least < 0.0 else np.inf
