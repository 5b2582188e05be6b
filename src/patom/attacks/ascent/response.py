"""Moves that need no fit: the weights answer to the rows through the factored second derivative of one fit.

Where rows move from x to x^, the gradient of (1) at the fitted W moves by D = G(x^) - G(x), G(x) the sum of the rows'
l'(w_i'x, y) x c_i/(n_i + n^_i), and the optimum by about -V D with V the inverse of H + K on the tangent space. This is
exact however far a row moves, and first order in how far W does. A product with V costs a small part of a fit, so that
many moves can be tried under one factor; a fit judges where they end.
"""

from dataclasses import dataclass, field

import numpy as np

from patom.attacks.ascent.spectral import Coordinates, FittedSpot, Spot, ascend
from patom.attacks.gradients import through_rows
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.core.data_term import Operator
from patom.core.penalties.penalty import Model
from patom.core.solvers.choose import RESPONSE_WEIGHTS
from patom.core.solvers.compiled.adjoint import tangent_inverse

_MOVES = 20


@dataclass
class Response:
    """The fit's answer to rows near those of ``fitted``."""

    program: Bilevel
    fitted: FittedSpot
    model: Model
    inverse: Operator
    _before: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        self._before = self._pull(self.fitted.injection)

    def weights(self, injection: Injection) -> FloatArray:
        """The optimum under these rows, to first order, shape (m, p)."""
        return self.fitted.solution.W - self._carried(self._pull(injection) - self._before)

    def visit(self, injection: Injection, near: Spot) -> Spot:  # noqa: ARG002
        """The rows with the utility that they would have."""
        return Spot(injection, self.program.utility(self.weights(injection)))

    def slopes(self, coordinates: Coordinates, spot: Spot) -> FloatArray:
        """The derivative of what ``visit`` finds, by the coordinates."""
        v = self._carried(self.program.aim.gradient(self.weights(spot.injection)))
        features, labels = through_rows(self.program, spot.injection, self.fitted.solution.W, v)
        return coordinates.slopes(spot.injection, features, labels)

    def _carried(self, g: FloatArray) -> FloatArray:
        self.program.tally.products += 1
        return self.inverse(self.model.project(g))

    def _pull(self, injection: Injection) -> FloatArray:
        """G(x), shape (m, p)."""
        lower, W = self.program.lower, self.fitted.solution.W
        pull = np.zeros(W.shape)
        np.add.at(pull, injection.task_index, -lower.duals(injection, W)[:, None] * lower.entering(injection))
        return pull


def response(program: Bilevel, fitted: FittedSpot) -> Response | None:
    """Of the fit at a spot; None where its second derivative has no cheap factor."""
    term, W = program.lower.term(fitted.injection), fitted.solution.W
    model = program.lower.penalty(fitted.injection).model(W, term.expand(W).gradient)
    inverse = tangent_inverse(term, model, W, most=RESPONSE_WEIGHTS)
    return None if inverse is None else Response(program, fitted, model, inverse)


def led(answer: Response, coordinates: Coordinates, *, reach: float, per_row: bool) -> Spot:
    """The best spot by the response on some moves, up to where rows have moved by ``reach`` on average."""
    best = start = Spot(answer.fitted.injection, answer.fitted.utility)
    Z = coordinates.of(start.injection)
    path = ascend(
        coordinates, start, answer.visit, lambda spot: answer.slopes(coordinates, spot),
        moves=_MOVES, most=_MOVES, per_row=per_row,
    )  # fmt: skip
    for ahead in path:
        away = coordinates.of(ahead.injection) - Z
        far = float(np.linalg.norm(away, axis=1).mean())
        if far > reach:
            last = answer.visit(coordinates.injection(start.injection, Z + reach / far * away), start)
            return max(best, last, key=lambda spot: spot.utility)
        best = max(best, ahead, key=lambda spot: spot.utility)
    return best
