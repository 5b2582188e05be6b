"""What a grid says, as validated tables: experiments, the learner, attacks, pairs of task sets, the adversary."""

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from patom.attacks.adversary.aim import OverTasks
from patom.attacks.draws import Features, Labels
from patom.attacks.gradients import Gradient
from patom.paper.data import Data
from patom.paper.defended import SETTINGS, FilterName, LearnerName, RuleName
from patom.paper.methods import KINDS, LABELS, METHODS

Label = str | int
Metric = Literal["euclidean", "whitened"]
Loss = Literal["squared_error", "huber", "squared_hinge", "logistic", "unclipped_hinge"]
Figure = Literal["convergence", "budgets", "correlations", "attacks", "screening", "defenses"]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


def _how_many(value: Any) -> str:
    return "several" if isinstance(value, list | tuple) else "one"


StepSizes = Annotated[
    Annotated[Positive, Tag("one")] | Annotated[tuple[Positive, ...], Field(min_length=1), Tag("several")],
    Discriminator(_how_many),
]


def _known(method: str) -> str:
    if method not in LABELS:
        raise ValueError(f"an attack is one of {', '.join(METHODS)} with {', '.join('-' + kind for kind in KINDS)}")
    return method


Attack = Annotated[str, AfterValidator(_known)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Model(_Table):
    """The learner; ``loss`` defaults to the paper's, by the kind of the data.

    ``constant`` says whether it is appended after or before the features are divided by the largest norm.
    """

    loss: Loss | None = None
    lambda_1: NotNegative = 0.1
    lambda_2: NotNegative = 0.1
    constant: Literal["after", "before"] = "after"


class Start(_Table):
    """How injected rows are drawn: what random attacks are, and where PATOM starts."""

    features: Features = "uniform"
    labels: Labels = "resampled"


class Patom(_Table):
    """PATOM's settings; the defaults are the paper's. Several step sizes are for the figure "attacks"."""

    step_size: StepSizes = 100.0
    max_iter: Annotated[int, Field(ge=1)] = 10
    batch_ratio: Positive = 3.0


class Ascent(_Table):
    """Settings of ``ProjectedAscent``."""

    gradient: Gradient = "exact"
    max_iter: Annotated[int, Field(ge=1)] = 40
    optimise_labels: bool = False
    n_starts: Annotated[int, Field(ge=1)] = 3


Ascents = Annotated[
    Annotated[Ascent, Tag("one")] | Annotated[tuple[Ascent, ...], Field(min_length=1), Tag("several")],
    Discriminator(_how_many),
]


class Adversary(_Table):
    """What the attacker wants, knows and may do beyond the paper's, and whether the victim tunes its lambdas.

    ``region``: the ball, or what looks like a task's own data (``OwnData``), or like its inner rows (0.7 quantile).
    ``spare``: weight of ``Sparing``.
    ``share`` and ``lambda_guess``: a grey-box attacker's part of the rows, and her lambdas over the true ones.
    ``tuning``: by cross-validation over ``LambdaSearch``'s grid, once on clean rows or again on the poisoned ones.
    """

    region: Literal["ball", "own-data", "own-core"] = "ball"
    over_tasks: OverTasks = "mean"
    spare: NotNegative = 0.0
    share: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    lambda_guess: Positive = 1.0
    tuning: Literal["none", "once", "again"] = "none"

    @model_validator(mode="after")
    def _guessable(self) -> "Adversary":
        if self.tuning == "again" and self.lambda_guess != 1.0:
            raise ValueError('lambda_guess is over fixed lambdas, which tuning = "again" does not have')
        return self


class Defense(_Table):
    """Filters of rows before the victim's fit, one after another; a rule for Omega or another learner; other settings.

    ``fraction`` is what each filter drops of the rows it sees, ``quantile`` and ``metric`` are of the clipping
    distance. Loss and lambdas take the place of the model's. ``known``: whether the attacker knows all this; otherwise
    she plans against the learner without it. Another learner cannot be seen through: who knows it plans against (1)
    with learned and with independent tasks, behind the same filters, and keeps what does the learner more harm, targets
    nearer to what it predicts included.
    """

    filters: tuple[FilterName, ...] = ()
    fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    quantile: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    metric: Metric = "euclidean"
    rule: RuleName | None = None
    learner: LearnerName | None = None
    loss: Loss | None = None
    huber_delta: Positive | None = None
    lambda_1: NotNegative | None = None
    lambda_2: NotNegative | None = None
    known: bool = True

    @property
    def settings(self) -> dict[str, Any]:
        """The learner's settings that are replaced."""
        return self.model_dump(include=set(SETTINGS), exclude_none=True)

    @model_validator(mode="after")
    def _something(self) -> "Defense":
        if not self.filters and (self.fraction, self.quantile, self.metric) != (0.1, 0.5, "euclidean"):
            raise ValueError("fraction, quantile and metric are of filters; name one")
        if not (self.filters or self.rule or self.learner or self.settings or self.known):
            raise ValueError("known is of a defense; name a filter, a rule, a learner, a loss or lambdas")
        if self.learner is not None and (self.rule is not None or self.loss is not None):
            raise ValueError("another learner has no rule for Omega and a loss of its own; leave rule and loss out")
        if self.huber_delta is not None and self.loss != "huber":
            raise ValueError('huber_delta goes with loss = "huber"')
        return self


class Pair(_Table):
    """Target tasks, and the attacking tasks of indirect and hybrid attacks, by label."""

    targets: tuple[Label, ...] = Field(min_length=1)
    attackers: tuple[Label, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> "Pair":
        labels = [*self.targets, *self.attackers]
        if len(set(labels)) < len(labels):
            raise ValueError("targets and attackers must be different tasks, each named once")
        return self


class DrawnPairs(_Table):
    """Pairs of disjoint task sets, drawn at random; the same for every split seed."""

    count: Annotated[int, Field(ge=1)] = 4
    targets: Annotated[int, Field(ge=1)]
    attackers: Annotated[int, Field(ge=0)]
    seed: Annotated[int, Field(ge=0)] = 0


def _how(pairs: Any) -> str:
    return "drawn" if isinstance(pairs, dict | DrawnPairs) else "listed"


Pairs = Annotated[
    Annotated[DrawnPairs, Tag("drawn")] | Annotated[tuple[Pair, ...], Field(min_length=1), Tag("listed")],
    Discriminator(_how),
]


class Experiment(_Table):
    """One data set, one learner, some attacks: for every seed, pair, attack, budget and start a cell.

    Several step sizes or ascents, which are cells of their own, are for the figure "attacks".
    """

    name: str = Field(min_length=1)
    figure: Figure
    data: Data
    attacks: tuple[Attack, ...] = Field(min_length=1)
    budgets: tuple[Positive, ...] = Field(min_length=1)
    pairs: Pairs
    starts: Annotated[int, Field(ge=1)] = 1
    radius: Positive = 1.0
    model: Model = Model()
    start: Start = Start()
    patom: Patom = Patom()
    ascent: Ascents = Ascent()
    adversary: Adversary = Adversary()
    defense: Defense = Defense()

    @model_validator(mode="after")
    def _one_variant(self) -> "Experiment":
        several = isinstance(self.patom.step_size, tuple) or isinstance(self.ascent, tuple)
        if several and self.figure not in {"attacks", "defenses"}:
            raise ValueError('several step sizes or ascents need figure = "attacks" or "defenses"; elsewhere use vary')
        return self

    @model_validator(mode="after")
    def _screened_as_it_learns(self) -> "Experiment":
        if self.figure == "screening" and (self.adversary.tuning == "again" or self.defense.filters):
            raise ValueError(
                'figure = "screening" screens the rows as they come, with fixed lambdas: no filters, no tuning "again"'
            )
        return self


class Grid(_Table):
    """A whole run."""

    title: str = Field(min_length=1)
    seeds: Annotated[int, Field(ge=1)] = 10
    experiments: tuple[Experiment, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> "Grid":
        [(twice, times)] = Counter(experiment.name for experiment in self.experiments).most_common(1)
        if times > 1:
            raise ValueError(f"two experiments have the name {twice!r}; give each its own")
        return self
