"""The filters that a grid can name, and the victim behind them."""

from typing import Any, Literal

from patom.attacks.bilevel import MTRL
from patom.defenses import Chain, Clip, Leverage, Neighbours, Roni, Sanitised, Shares, Slab, Sphere, Trim
from patom.defenses.sanitiser import Sanitiser
from patom.models import LambdaSearch

FilterName = Literal["sphere", "slab", "neighbours", "disagreement", "leverage", "trim", "roni", "clip", "shares"]
LEARNER = ("loss", "huber_delta", "lambda_1", "lambda_2")
"""Settings of the learner that a defense may replace."""


def behind(
    names: tuple[FilterName, ...], victim: MTRL | LambdaSearch, fraction: float, quantile: float = 0.5
) -> Sanitised:
    """The victim behind these filters; those that fit a model fit its own."""
    model = victim.estimator if isinstance(victim, LambdaSearch) else victim
    made: dict[str, Any] = {
        "sphere": lambda: Sphere(fraction),
        "slab": lambda: Slab(fraction),
        "neighbours": lambda: Neighbours(fraction),
        "disagreement": lambda: Neighbours(fraction, of="targets"),
        "leverage": lambda: Leverage(fraction, ridge=model.lambda_1 + model.lambda_2),
        "trim": lambda: Trim(model, fraction, n_starts=1),
        "roni": lambda: Roni(model, fraction),
        "clip": lambda: Clip(quantile),
        "shares": Shares,
    }
    steps: list[Sanitiser] = [made[name]() for name in names]
    return Sanitised(victim, steps[0] if len(steps) == 1 else Chain(steps))
