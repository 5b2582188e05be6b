"""Model-targeted poisoning: choose weights that do harm, then rows from which the victim learns them."""

from dataclasses import dataclass, field, replace
from itertools import chain, product
from typing import ClassVar, Literal, get_args

import numpy as np

from patom.attacks.ascent.spectral import Coordinates, Spot, ascend, typical_distance
from patom.attacks.base import Attack, Run
from patom.attacks.baselines.influence import climb, highest, with_either_label
from patom.attacks.draws import draw
from patom.attacks.gradients import through_rows
from patom.attacks.injection import Injection, stacked
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray
from patom.core.kernels import row_products, weighted_sums
from patom.core.penalties.penalty import fenchel_gap
from patom.core.rows import append_constant
from patom.models.settings import require_choice
from patom.results.methods import Method

Search = Literal["online", "kkt"]
_LOOSE = 1e-4  # relative gap of a fit on the way, or of a decoy's
_SHARES = (0.1, 0.5, 1.0)  # of a task's rows, those of the highest loss, which a decoy turns
_REPEATS = (1, 2, 4)  # of the turned rows
_FAR, _STEPS = 1e3, 30  # of the climbs of "online": the distance of a far start, beyond any region of the data's scale
_RIDGE = 1e-10  # of the lambdas: makes R* differentiable where lambda_1 = 0


@dataclass(frozen=True)
class ModelTargeted(Attack):
    """Make the victim learn a decoy (Suya et al. 2021; Koh, Steinhardt and Liang 2022).

    Decoys are what the victim learns from its target tasks' rows with labels turned round, in nine degrees (see
    ``decoys``). Rows that lead it there are sought for each, and the rows that do most harm are
    kept; the strongest decoys are out of reach of a small budget, the weakest do little.

    Parameters
    ----------
    method : {"online", "kkt"}, default "online"
        "online" (Suya et al., algorithm 1): rows are added block by block, each where the loss under the current fit
        exceeds that under the decoy most, and the victim is fitted again. "kkt" (Koh et al., section 4.2): all rows
        move together so that the decoy becomes optimal for the victim; no fit is needed on the way. On SARCOS and the
        digits the first did more harm in direct attacks, the second in indirect ones.
    block : int, default 5
        Rows that each attacking task gets between two fits of "online"; the paper's is 1.
    max_iter : int, default 200
        Moves tried for each decoy by "kkt".
    optimise_labels : bool, default False
        Choose the class, or one of the two extreme targets, that favours the decoy most, as both papers choose
        labels; "kkt" does so once, at the rows drawn. Otherwise labels stay as drawn.
    features, labels : str, default "uniform" and "resampled"
        How the injected rows are drawn at the start, as in ``RandomAttack``: see ``patom.attacks.draws.draw``.
    n_starts : int, default 1
        Independent starts; the one with the highest utility is kept.

    Notes
    -----
    Decoys come from the target tasks. In an indirect attack no row can reach one exactly, since the targets' own rows
    hold their weights, and "kkt" gets as close as the coupling lets it. What the papers call the model's objective has
    one set of rows; here a row of task i weighs 1/(n_i + n^_i), so each attacking task gets rows of its own.

    The condition that "kkt" works on is explained in ``Stationarity``; the inner maximum of "online", a difference of
    convex functions, is sought from several starts (``LossDifference``). ``points_needed`` bounds from below how many
    rows a decoy takes.

    ``history`` has a row for the rows as drawn and one for each decoy, numbered from 1 in the order of their harm,
    whose rows reached a new highest utility.

    Costs nine loose solves for the decoys and one for each decoy's rows; "online" takes another for every block.

    Examples
    --------
    >>> from patom import MTRLRegressor, RandomAttack, ThreatModel
    >>> X, y = np.linspace(-1, 1, 20).reshape(-1, 1), np.linspace(-1, 1, 20)
    >>> run = {"model": MTRLRegressor(), "X": X, "y": y, "threat": ThreatModel([0], [0], 0.25), "random_state": 0}
    >>> bool(ModelTargeted().poison(**run).utility > 2.0 * RandomAttack().poison(**run).utility)
    True
    """

    name: ClassVar[Method] = Method.MODEL_TARGETED

    method: Search = "online"
    block: int = 5
    max_iter: int = 200
    optimise_labels: bool = False
    features: str = "uniform"
    labels: str = "resampled"
    n_starts: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice("ModelTargeted", get_args(Search), method=self.method)

    def _runs(self, program: Bilevel, W: FloatArray, rngs: list[np.random.Generator]) -> list[Run]:
        wanted = decoys(program, W)
        return [self._imitate(program, W, wanted, rng) for rng in rngs]

    def _imitate(self, program: Bilevel, clean: FloatArray, wanted: list[FloatArray], rng: np.random.Generator) -> Run:
        drawn = draw(program, self.features, self.labels, rng)
        record, size = Run(drawn), typical_distance(program, drawn, rng)
        record.fit(program, 0, clean)
        for number, decoy in enumerate(wanted, start=1):
            record.keep_if_better(program, number, self._rows(program, clean, decoy, drawn, size), clean)
        return record

    def _rows(self, program: Bilevel, clean: FloatArray, decoy: FloatArray, drawn: Injection, size: float) -> Injection:
        if self.method == "online":
            return online(program, clean, decoy, drawn, size, block=self.block, labels=self.optimise_labels)
        start = LossDifference(program, clean, decoy).labelled(drawn) if self.optimise_labels else drawn
        return settle(Stationarity(program, decoy), start, Coordinates(program, size, labels=False), self.max_iter)


def decoys(program: Bilevel, clean: FloatArray) -> list[FloatArray]:
    """Fits of the victim on clean rows and turned ones, the most harmful first; weights of shape (m, p).

    Koh, Steinhardt and Liang (2022, section 4.2) fit rows of high loss once more with their labels flipped, in several
    degrees: here the tenth, half or all of each target task's rows that have the highest loss at the ``clean`` weights,
    once, twice or four times. Decoys that do no harm are dropped. Costs nine loose solves of (1).

    Rows of attacking tasks that are not targets stay: turned, they gave decoys that helped the targets.
    """
    floor, found = program.utility(clean), []
    for share, repeats in product(_SHARES, _REPEATS):
        W = program.solve(turned(program, clean, share, repeats), start=clean, polish=False, tol=_LOOSE).W
        found.append((program.utility(W), W))
    found.sort(key=lambda pair: -pair[0])
    return [W for utility, W in found if utility > floor]


def turned(program: Bilevel, clean: FloatArray, share: float, repeats: int) -> Injection:
    """The target tasks' rows of the highest loss at weights ``clean``, repeated, with their labels turned round.

    A class becomes the other one; a target y becomes smallest plus largest less y.
    """
    rows = program.problem.rows
    losses = program.problem.loss.value(row_products(rows.X, rows.offsets, clean), rows.y)
    chosen = [
        rows.offsets[i] + np.argsort(-losses[rows.offsets[i] : rows.offsets[i + 1]], kind="stable")[:count]
        for i, count in zip(program.targets, np.ceil(share * rows.counts[program.targets]).astype(int), strict=True)
    ]
    picked = np.tile(np.concatenate(chosen), repeats)
    injection = Injection(rows.X[picked, :-1], rows.y[picked], rows.task_index[picked])
    if program.problem.loss.margin:
        return replace(injection, y=-injection.y)
    low, high = program.bounds(injection.task_index)
    return replace(injection, y=low + high - injection.y)


def online(
    program: Bilevel, clean: FloatArray, decoy: FloatArray, drawn: Injection, size: float, *, block: int, labels: bool
) -> Injection:
    """Rows block by block, each where the loss under the current fit exceeds that under the decoy most.

    The fit is that on the clean rows, whose weights are ``clean``, and those chosen so far; ``labels``: whether labels
    are chosen too. Costs a loose solve for each block but the first.
    """
    _, first, counts = np.unique(drawn.task_index, return_index=True, return_counts=True)
    turn = (np.arange(drawn.y.size) - np.repeat(first, counts)) // block
    rows, W = drawn, clean
    for now in range(int(turn.max()) + 1):
        if now > 0:
            W = program.solve(rows.chosen(turn < now), start=W, polish=False, tol=_LOOSE).W
        chosen = turn == now
        best = LossDifference(program, W, decoy).largest(rows.chosen(chosen), size, labels=labels)
        X, y = rows.X.copy(), rows.y.copy()
        X[chosen], y[chosen] = best.X, best.y
        rows = replace(rows, X=X, y=y)
    return rows


@dataclass(frozen=True)
class LossDifference:
    """l(w_i'x, y) - l(v_i'x, y) of rows (x, y) of task i, for current weights w and a decoy's v.

    Convex in x by the first term and concave by the second, so it has local maxima. In the y of a regression it is
    monotone, as the slope of a convex function of y - z is, so that its largest value is at an extreme label.
    """

    program: Bilevel
    W: FloatArray
    decoy: FloatArray

    def values(self, rows: Injection) -> FloatArray:
        """The difference of each row, shape (r,)."""
        here, there = (self.program.problem.loss.value(rows.predictions(V), rows.y) for V in (self.W, self.decoy))
        return np.asarray(here - there)

    def slopes(self, rows: Injection) -> FloatArray:
        """Its gradient in the features, shape (r, d)."""
        slope, task = self.program.problem.loss.slope, rows.task_index
        here, there = (slope(rows.predictions(V), rows.y)[:, None] * V[task, :-1] for V in (self.W, self.decoy))
        return np.asarray(here - there)

    def labelled(self, rows: Injection) -> Injection:
        """The rows, each with the class or the extreme target that favours the decoy more."""
        return highest(stacked(with_either_label(self.program, rows)), rows.y.size, self.values)

    def largest(self, rows: Injection, size: float, *, labels: bool) -> Injection:
        """For each row the features, and the label if ``labels``, of the largest difference that was found.

        The best of several ascents: from the row as it is and from the region's far ends along w, v and w - v and
        against them. ``size`` is the length of a first step. Costs up to 30 projections of 7, or 14, times the rows.
        """
        versions = with_either_label(self.program, rows) if labels else (rows,)
        starts = stacked([start for version in versions for start in (version, *self._far_ends(version))])
        ends = climb(self.program, starts, self.values, self.slopes, size, _STEPS)
        return highest(ends, rows.y.size, self.values)

    def _far_ends(self, rows: Injection) -> list[Injection]:
        w, v = self.W[rows.task_index, :-1], self.decoy[rows.task_index, :-1]
        ends = []
        for direction in (w, v, w - v):
            far = _FAR * direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-150)
            ends += [replace(rows, X=self.program.project(X, rows)) for X in (far, -far)]
        return ends


@dataclass(frozen=True)
class Stationarity:
    """The duality gap of fixed weights as a function of the injected rows.

    Weights W are optimal for the victim where V = -grad f(W) is a subgradient of R at W. For a quadratic penalty there
    is one subgradient; for the spectral one V may differ from it off W's support, by singular values of up to
    lambda_2 ||W||_*. The gap R(W) + R*(V) - <W, V> allows for all that: it is 0 where W is optimal and only there, and
    bounds how far (1) at W is above its optimum. Its gradient in V is argmax_U {<U, V> - R(U)} - W.
    For independent tasks it is ||grad F(W)||^2 over twice the ridge, which is what Koh, Steinhardt and Liang minimise.
    """

    program: Bilevel
    W: FloatArray
    clean: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        rows, loss = self.program.problem.rows, self.program.problem.loss
        slopes = loss.slope(row_products(rows.X, rows.offsets, self.W), rows.y)
        object.__setattr__(self, "clean", weighted_sums(rows.X, rows.offsets, slopes))

    def gradient(self, injection: Injection) -> FloatArray:
        """Grad f(W) on clean and injected rows, shape (m, p); one pass over the injected ones."""
        task, total = injection.task_index, self.clean.copy()
        slopes = self.program.problem.loss.slope(injection.predictions(self.W), injection.y)
        np.add.at(total, task, slopes[:, None] * append_constant(injection.X))
        n = self.program.problem.rows.counts + np.bincount(task, minlength=self.W.shape[0])
        return np.asarray(total / n[:, None])

    def gap(self, injection: Injection) -> float:
        """The duality gap."""
        return fenchel_gap(self.program.lower.penalty(injection), self.W, self.gradient(injection))

    def slopes(self, injection: Injection) -> FloatArray:
        """Its derivatives by the injected rows' features, shape (r, d)."""
        penalty, V = self.program.lower.penalty(injection), -self.gradient(injection)
        ridge = _RIDGE * sum(penalty.weights)
        response = penalty.prox(V / ridge, ridge)  # argmax <W, V> - R(W) - ridge/2 ||W||^2
        return through_rows(self.program, injection, self.W, response - self.W)[0]


def settle(merit: Stationarity, injection: Injection, coordinates: Coordinates, max_iter: int) -> Injection:
    """Rows from these on at which the weights are closer to optimal, by spectral projected steps on the gap.

    Costs a decomposition of an (m, p) matrix and a projection of the rows for each of ``max_iter`` trials; no solves.
    """
    start = Spot(injection, -merit.gap(injection))
    steps = ascend(
        coordinates,
        start,
        lambda rows, _: Spot(rows, -merit.gap(rows)),
        lambda spot: -merit.slopes(spot.injection),
        moves=max_iter,
        most=max_iter,
        per_row=False,
    )
    return max(chain([start], steps), key=lambda spot: spot.utility).injection
