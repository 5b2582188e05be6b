"""The defenses that a grid can name: filters, rules for Omega, learners; and the victim behind them."""

from collections.abc import Callable
from typing import Any, Literal

from sklearn.base import BaseEstimator, clone

from patom.attacks.program import MTRL
from patom.defenses import (
    ARMULClassifier,
    ARMULRegressor,
    Capped,
    Chain,
    Clip,
    Coupled,
    CouplingRule,
    HeldOut,
    ITrim,
    Leverage,
    LossWeightedClassifier,
    LossWeightedRegressor,
    Neighbours,
    PartitionMedian,
    Reweighted,
    RMTFLClassifier,
    RMTFLRegressor,
    Roni,
    Sanitised,
    Shares,
    Shrunken,
    Slab,
    Sphere,
    Trim,
    WithoutInfluential,
)
from patom.defenses.filters.sanitiser import Sanitiser
from patom.models import LambdaSearch, MTRLRegressor

FilterName = Literal[
    "sphere", "slab", "neighbours", "disagreement", "leverage", "trim", "itrim", "roni", "clip", "shares"
]
RuleName = Literal["apart", "shrunken", "capped", "held-out", "without-influential"]
LearnerName = Literal["rmtfl", "armul", "loss-weighted", "tukey", "partition-median"]
SETTINGS = ("loss", "huber_delta", "lambda_1", "lambda_2")
"""Of the learner, that a defense may replace."""
RULES: dict[RuleName, CouplingRule] = {
    "apart": Shrunken(1.0),
    "shrunken": Shrunken(),
    "capped": Capped(),
    "held-out": HeldOut(),
    "without-influential": WithoutInfluential(),
}
LEARNERS: dict[LearnerName, tuple[type[BaseEstimator], type[BaseEstimator]]] = {
    "rmtfl": (RMTFLRegressor, RMTFLClassifier),
    "armul": (ARMULRegressor, ARMULClassifier),
    "loss-weighted": (LossWeightedRegressor, LossWeightedClassifier),
}


AROUND: dict[LearnerName, Callable[[MTRL], BaseEstimator]] = {"tukey": Reweighted, "partition-median": PartitionMedian}


def behind(
    names: tuple[FilterName, ...],
    victim: MTRL | LambdaSearch,
    fraction: float,
    quantile: float = 0.5,
    metric: str = "euclidean",
    inside: Any = None,
) -> Sanitised:
    """The victim behind these filters; those that fit a model fit its own. ``inside`` is fitted in its place."""
    model = learner_of(victim)
    made: dict[str, Any] = {
        "sphere": lambda: Sphere(fraction),
        "slab": lambda: Slab(fraction),
        "neighbours": lambda: Neighbours(fraction),
        "disagreement": lambda: Neighbours(fraction, of="targets"),
        "leverage": lambda: Leverage(fraction, ridge=model.lambda_1 + model.lambda_2),
        "trim": lambda: Trim(model, fraction, n_starts=1),
        "itrim": lambda: ITrim(model, n_starts=1),
        "roni": lambda: Roni(model, fraction),
        "clip": lambda: Clip(quantile, metric=metric),
        "shares": Shares,
    }
    steps: list[Sanitiser] = [made[name]() for name in names]
    return Sanitised(victim if inside is None else inside, steps[0] if len(steps) == 1 else Chain(steps))


def coupled(rule: RuleName | None, victim: MTRL | LambdaSearch) -> Any:
    """The victim with a rule for its Omega, or as it is."""
    return victim if rule is None else Coupled(victim, clone(RULES[rule]))


def other_learner(name: LearnerName, victim: MTRL | LambdaSearch) -> BaseEstimator:
    """Another learner, with those of the victim's lambdas that it has, or one around the victim's."""
    model = learner_of(victim)
    if name in AROUND:
        return AROUND[name](clone(model))
    made = LEARNERS[name][0 if isinstance(model, MTRLRegressor) else 1]()
    ours = {key: getattr(model, key) for key in ("lambda_1", "lambda_2") if key in made.get_params()}
    return made.set_params(**ours)


def learner_of(victim: MTRL | LambdaSearch) -> MTRL:
    """The learner at the bottom of a victim."""
    model: MTRL = victim.estimator if isinstance(victim, LambdaSearch) else victim
    return model
