"""Label flipping: copies of clean rows of the attacking tasks, with labels as wrong as the threat model allows."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, get_args

import numpy as np

from patom.attacks.base import OneShot
from patom.attacks.injection import Injection
from patom.attacks.program import Bilevel
from patom.core.arrays import FloatArray, IntArray
from patom.models.settings import require_choice
from patom.results.methods import Method

Choose = Literal["loss", "random"]


@dataclass(frozen=True)
class LabelFlip(OneShot):
    """Inject clean rows of the attacking tasks with flipped labels (Biggio, Nelson and Laskov 2011).

    The literature flips labels of training rows in place; here flipped copies join the clean rows, so that all attacks
    share one threat model. Rows are ranked once, under the model fitted on clean data; the searches over sets of
    flips of Xiao, Xiao and Eckert (2012) and Paudice, Munoz-Gonzalez and Lupu (2018) are left out. The
    targets are not used: whether flips in the attacking tasks affect them depends on the coupling.

    A regression's target moves to the end of its allowed range that is further from it. To first order a row's effect
    is a multiple of its slope l', which never rises with the label: no label in between, the mirrored one included,
    does more harm than the more harmful end.

    Parameters
    ----------
    choose : {"loss", "random"}, default "loss"
        Of each attacking task, the rows whose flipped label has the largest loss under the clean model, whatever the
        seed; or rows at random. Once all are taken they are taken again.

    Notes
    -----
    Features are projected onto the region of their new label. Costs two solves of (1).

    Examples
    --------
    >>> from patom import MTRLRegressor, ThreatModel
    >>> X, y = np.linspace(-1, 1, 20).reshape(-1, 1), np.linspace(-1, 1, 20)
    >>> threat = ThreatModel(targets=[0], attackers=[0], budget=0.1)
    >>> result = LabelFlip().poison(MTRLRegressor(), X, y, threat=threat)
    >>> result.X.ravel(), result.y
    (array([-1.,  1.]), array([ 1., -1.]))
    """

    name: ClassVar[Method] = Method.FLIP

    choose: Choose = "loss"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice("LabelFlip", get_args(Choose), choose=self.choose)

    def _rows(self, program: Bilevel, W: FloatArray, rng: np.random.Generator) -> Injection:
        if program.lower.accounts:
            raise ValueError(
                "LabelFlip flips clean rows of the attacking tasks, and accounts of NewTasks have none; "
                "RandomAttack(features='resampled', labels='flipped') gives them rows of all tasks."
            )
        flipped = flips(program)
        loss = program.problem.loss.value(flipped.predictions(W), flipped.y)
        order = np.argsort(-loss, kind="stable") if self.choose == "loss" else rng.permutation(loss.size)
        return _first(program, flipped, order)


def flips(program: Bilevel) -> Injection:
    """Every clean row of the attacking tasks with its label flipped, in the region of that label."""
    rows = program.problem.rows
    own = np.isin(rows.task_index, program.attackers)
    y, task_index = rows.y[own], rows.task_index[own]
    low, high = program.extremes(task_index)
    flipped = Injection(rows.X[own, :-1], np.where(y - low > high - y, low, high), task_index)
    return replace(flipped, X=program.project(flipped.X, flipped))


def _first(program: Bilevel, injection: Injection, order: IntArray) -> Injection:
    """The first rows of each attacking task, in this order, up to its budget, and from the first on again."""
    ranked = injection.task_index[order]
    chosen = np.concatenate(
        [np.resize(order[ranked == i], count) for i, count in zip(program.attackers, program.counts, strict=True)]
    )
    return injection.chosen(chosen)
