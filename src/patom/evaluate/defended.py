"""The model under attack: the paper's learner alone, or a defense by name (filters, a rule for Omega, a learner)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sklearn.base import BaseEstimator, clone

from patom import defenses
from patom.attacks.program import MTRL
from patom.datasets.dataset import Kind
from patom.models import LambdaSearch, MTRLClassifier, MTRLRegressor

FilterName = Literal[
    "sphere", "slab", "neighbours", "disagreement", "leverage", "trim", "itrim", "roni", "clip", "shares"
]
RuleName = Literal["apart", "shrunken", "capped", "held-out", "without-influential"]
LearnerName = Literal["rmtfl", "armul", "loss-weighted", "tukey", "partition-median"]
SETTINGS = ("loss", "huber_delta", "lambda_1", "lambda_2")
"""Of the learner, that a defense may replace."""
RULES: dict[RuleName, defenses.CouplingRule] = {
    "apart": defenses.Shrunken(1.0),
    "shrunken": defenses.Shrunken(),
    "capped": defenses.Capped(),
    "held-out": defenses.HeldOut(),
    "without-influential": defenses.WithoutInfluential(),
}
LEARNERS: dict[LearnerName, tuple[type[BaseEstimator], type[BaseEstimator]]] = {
    "rmtfl": (defenses.RMTFLRegressor, defenses.RMTFLClassifier),
    "armul": (defenses.ARMULRegressor, defenses.ARMULClassifier),
    "loss-weighted": (defenses.LossWeightedRegressor, defenses.LossWeightedClassifier),
}
AROUND: dict[LearnerName, Callable[[MTRL], BaseEstimator]] = {
    "tukey": defenses.Reweighted,
    "partition-median": defenses.PartitionMedian,
}
Tuned = MTRL | LambdaSearch
"""The paper's learner, or a search for its lambdas."""


@dataclass(frozen=True)
class Victim:
    """An unfitted model under attack.

    ``learner`` is the learner of problem (1) inside, whose loss attacks raise. ``stand_ins`` are attacked in place of a
    model that cannot be differentiated; there are none where the model itself can be attacked.
    """

    model: Any
    learner: MTRL
    stand_ins: tuple[Any, ...] = ()


def new_learner(kind: Kind, **settings: Any) -> MTRL:
    """The unfitted learner of problem (1) for this kind of target."""
    return (MTRLRegressor if kind == "regression" else MTRLClassifier)(**settings)


def defended(
    victim: Tuned,
    *,
    filters: tuple[FilterName, ...] = (),
    fraction: float = 0.1,
    quantile: float = 0.5,
    metric: str = "euclidean",
    rule: RuleName | None = None,
    learner: LearnerName | None = None,
) -> Victim:
    """The victim with a rule for Omega, or another learner in its place, behind filters.

    Another learner cannot be differentiated: (1) with learned Omega and (1) with independent tasks, behind the same
    filters, are its stand-ins.
    """
    inside: MTRL = victim.estimator if isinstance(victim, LambdaSearch) else victim
    sanitiser = _sanitiser(filters, inside, fraction, quantile, metric) if filters else None

    def filtered(model: Any) -> Any:
        return model if sanitiser is None else defenses.Sanitised(model, sanitiser)

    def coupled(name: RuleName | None) -> Any:
        return filtered(victim if name is None else defenses.Coupled(victim, clone(RULES[name])))

    if learner is None:
        return Victim(coupled(rule), inside)
    return Victim(filtered(_other_learner(learner, inside)), inside, (coupled(None), coupled("apart")))


def _sanitiser(
    names: tuple[FilterName, ...], model: MTRL, fraction: float, quantile: float, metric: str
) -> defenses.Sanitiser:
    """These filters, one after another; those that fit a model fit the victim's learner."""
    made: dict[str, Any] = {
        "sphere": lambda: defenses.Sphere(fraction),
        "slab": lambda: defenses.Slab(fraction),
        "neighbours": lambda: defenses.Neighbours(fraction),
        "disagreement": lambda: defenses.Neighbours(fraction, of="targets"),
        "leverage": lambda: defenses.Leverage(fraction, ridge=model.lambda_1 + model.lambda_2),
        "trim": lambda: defenses.Trim(model, fraction, n_starts=1),
        "itrim": lambda: defenses.ITrim(model, n_starts=1),
        "roni": lambda: defenses.Roni(model, fraction),
        "clip": lambda: defenses.Clip(quantile, metric=metric),
        "shares": defenses.Shares,
    }
    steps: list[defenses.Sanitiser] = [made[name]() for name in names]
    return steps[0] if len(steps) == 1 else defenses.Chain(steps)


def _other_learner(name: LearnerName, model: MTRL) -> BaseEstimator:
    """Another learner, with those of the victim's lambdas that it has, or a learner that wraps the victim's."""
    if name in AROUND:
        return AROUND[name](clone(model))
    made = LEARNERS[name][0 if isinstance(model, MTRLRegressor) else 1]()
    ours = {key: getattr(model, key) for key in ("lambda_1", "lambda_2") if key in made.get_params()}
    return made.set_params(**ours)
