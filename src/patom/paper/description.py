"""What a grid's file may hold, as validated tables: experiments, data, learner, attacks, pairs of task sets, adversary.

An unknown key is an error.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from patom import datasets
from patom.attacks.adversary.aim import OverTasks
from patom.attacks.draws import Features, Labels
from patom.attacks.gradients import Gradient
from patom.datasets.dataset import Dataset, Kind
from patom.evaluate.defended import SETTINGS, FilterName, LearnerName, RuleName
from patom.results.methods import AttackName, Method, Reach

Label = str | int
Metric = Literal["euclidean", "whitened"]
Loss = Literal["squared_error", "huber", "squared_hinge", "logistic", "unclipped_hinge"]
Figure = Literal["convergence", "budgets", "correlations", "attacks", "screening", "defenses"]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


Entry = TypeVar("Entry")


def _how_many(value: Any) -> str:
    return "several" if isinstance(value, list | tuple) else "one"


OneOrMore = Annotated[
    Annotated[Entry, Tag("one")] | Annotated[tuple[Entry, ...], Field(min_length=1), Tag("several")],
    Discriminator(_how_many),
]


def _known(word: str) -> str:
    try:
        AttackName.parse(word)
    except ValueError:
        reaches = ", ".join(f"-{reach}" for reach in Reach)
        raise ValueError(f"an attack is one of {', '.join(Method)} with {reaches}") from None
    return word


Attack = Annotated[str, AfterValidator(_known)]


class _Closed(BaseModel):
    """A table of the file, closed to keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Data(_Closed):
    """The options of a data set: the arguments of its loader in ``patom.datasets``."""

    loader: ClassVar[str]
    fetched: ClassVar[bool] = True  # from files, so that the loader takes their folder

    def load(self, seed: int, home: str | None) -> Dataset:
        """Draw the rows of one split seed; ``home`` is the folder of data files."""
        where = {"data_home": home} if self.fetched else {}
        dataset: Dataset = getattr(datasets, self.loader)(
            **self.model_dump(exclude={"name"}), random_state=seed, **where
        )
        return dataset


class Digits(_Data):
    """The embedded digits, which need no files."""

    loader = "load_digits_tasks"
    fetched = False
    name: Literal["digits"]
    test_fraction: float = 0.3
    negatives_ratio: float = 1.0


class Landmine(_Data):
    """Landmine detection."""

    loader = "load_landmine"
    name: Literal["landmine"]
    train_fraction: float = 0.2
    standardise_features: bool = False


class Sarcos(_Data):
    """SARCOS."""

    loader = "load_sarcos"
    name: Literal["sarcos"]
    n_train: int = 300
    n_test: int = 600
    source: Literal["auto", "train_and_test", "train_parts", "test_file"] = "auto"
    inputs: Literal["shared", "own"] = "shared"
    standardise_targets: bool = False
    standardise_features: bool = False


class Mnist(_Data):
    """MNIST."""

    loader = "load_mnist"
    name: Literal["mnist"]
    n_components: int | None = 128
    n_positive: int = 300
    n_negative: int = 300


class Related(_Data):
    """Generated tasks with known relationships."""

    loader = "make_related_tasks"
    fetched = False
    name: Literal["related"]
    n_tasks: int = 12
    n_features: int = 10
    n_train: int = 40
    n_test: int = 100
    n_groups: int = 3
    negative: float = 0.0
    n_outliers: int = 0
    similarity: float = 0.9
    noise: float = 0.1
    kind: Kind = "regression"


Data = Annotated[Digits | Landmine | Sarcos | Mnist | Related, Field(discriminator="name")]


class Model(_Closed):
    """The learner; ``loss`` defaults to the paper's, by the kind of the data.

    ``constant`` says whether it is appended after or before the features are divided by the largest norm.
    """

    loss: Loss | None = None
    lambda_1: NotNegative = 0.1
    lambda_2: NotNegative = 0.1
    constant: Literal["after", "before"] = "after"


class Start(_Closed):
    """How injected rows are drawn: what random attacks are, and where PATOM starts."""

    features: Features = "uniform"
    labels: Labels = "resampled"


class Patom(_Closed):
    """PATOM's settings; the defaults are the paper's. Several step sizes are for the figure "attacks"."""

    step_size: OneOrMore[Positive] = 100.0
    max_iter: Annotated[int, Field(ge=1)] = 10
    batch_ratio: Positive = 3.0


class Ascent(_Closed):
    """Settings of ``ProjectedAscent``."""

    gradient: Gradient = "exact"
    max_iter: Annotated[int, Field(ge=1)] = 400
    optimise_labels: bool = False
    n_starts: Annotated[int, Field(ge=1)] = 4


class Adversary(_Closed):
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


class Defense(_Closed):
    """Filters of rows before the victim's fit, one after another; a rule for Omega or another learner; other settings.

    ``fraction`` is the part of the rows that each filter drops; ``quantile`` and ``metric`` set the clipping distance.
    Loss and lambdas replace the model's. ``known``: whether the attacker knows the defense; if not, the attack is
    planned against the learner without it. Another learner cannot be differentiated: an attacker who knows it plans
    against (1) with learned and with independent tasks, behind the same filters, and keeps the rows that harm the
    learner most, also with targets moved toward its predictions.
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


class Pair(_Closed):
    """Target tasks, and the attacking tasks of indirect and of hybrid attacks, by label.

    Tasks of an indirect attack are no targets; some tasks of a hybrid one are, and some are not. By default a hybrid
    attack goes through the targets and the tasks of the indirect attack.
    """

    targets: tuple[Label, ...] = Field(min_length=1)
    attackers: tuple[Label, ...] = ()
    hybrid: tuple[Label, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> "Pair":
        labels = [*self.targets, *self.attackers]
        if len(set(labels)) < len(labels):
            raise ValueError("targets and attackers must be different tasks, each named once")
        if len(set(self.hybrid)) < len(self.hybrid):
            raise ValueError("hybrid must name each task once")
        if self.hybrid and not is_mixed(self.targets, self.hybrid):
            raise ValueError("hybrid must hold a target and a task that is none")
        return self


def is_mixed(targets: Iterable[Label], attackers: Iterable[Label]) -> bool:
    """Whether some of the attacking tasks are targets and some are not, as in a hybrid attack."""
    aims, ways = set(targets), set(attackers)
    return bool(aims & ways) and bool(ways - aims)


Count = Annotated[int, Field(ge=1)]
Targets = Annotated[
    Annotated[Count, Tag("one")] | Annotated[tuple[Label, ...], Field(min_length=1), Tag("several")],
    Discriminator(_how_many),
]


Attackers = Annotated[
    Annotated[int, Field(ge=0), Tag("one")] | Annotated[Literal["rest"], Tag("word")],
    Discriminator(lambda value: "word" if isinstance(value, str) else "one"),
]


class DrawnPairs(_Closed):
    """Pairs of task sets, drawn at random; the same for every split seed.

    ``targets`` is a number, or the tasks themselves. ``attackers`` are drawn from the other tasks, ``"rest"`` takes all
    of them. ``hybrid`` tasks are drawn from all tasks, until some of them are targets and some are not, and no earlier
    pair with these targets has the same; 0 leaves the targets and attackers together.
    """

    count: Count = 4
    targets: Targets
    attackers: Attackers
    hybrid: Annotated[int, Field(ge=0)] = 0
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _mixed(self) -> "DrawnPairs":
        if self.hybrid == 1:
            raise ValueError("hybrid must be at least 2: a target and a task that is none")
        if isinstance(self.targets, tuple) and len(set(self.targets)) < len(self.targets):
            raise ValueError("targets must name each task once")
        return self


def _how(pairs: Any) -> str:
    return "drawn" if isinstance(pairs, dict | DrawnPairs) else "listed"


Pairs = Annotated[
    Annotated[DrawnPairs, Tag("drawn")] | Annotated[tuple[Pair, ...], Field(min_length=1), Tag("listed")],
    Discriminator(_how),
]


class Experiment(_Closed):
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
    ascent: OneOrMore[Ascent] = Ascent()
    adversary: Adversary = Adversary()
    defense: Defense = Defense()

    @model_validator(mode="after")
    def _suits_its_figure(self) -> "Experiment":
        several = isinstance(self.patom.step_size, tuple) or isinstance(self.ascent, tuple)
        if several and self.figure not in {"attacks", "defenses"}:
            raise ValueError('several step sizes or ascents need figure = "attacks" or "defenses"; elsewhere use vary')
        if self.figure == "screening" and (self.adversary.tuning == "again" or self.defense.filters):
            raise ValueError(
                'figure = "screening" screens the rows as they come, with fixed lambdas: no filters, no tuning "again"'
            )
        return self


class Grid(_Closed):
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
