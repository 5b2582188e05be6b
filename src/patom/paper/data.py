"""Which data a cell runs on: one validated description a data set, each with the keys that its loader has."""

from abc import ABC, abstractmethod
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from patom import datasets
from patom.datasets.dataset import Dataset


class _Data(BaseModel, ABC):
    """Keys shared by all data sets; an unknown one is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def options(self) -> dict[str, Any]:
        """Arguments of the loader."""
        return self.model_dump(exclude={"name"})

    @abstractmethod
    def load(self, seed: int, home: str | None) -> Dataset:
        """Draw the rows of one split seed."""


class Digits(_Data):
    """``load_digits_tasks``: embedded, needs no fetching."""

    name: Literal["digits"]
    test_fraction: float = 0.3
    negatives_ratio: float = 1.0

    def load(self, seed: int, home: str | None) -> Dataset:  # noqa: ARG002, D102
        return datasets.load_digits_tasks(**self.options(), random_state=seed)


class Landmine(_Data):
    """``load_landmine``."""

    name: Literal["landmine"]
    train_fraction: float = 0.2
    standardise_features: bool = False

    def load(self, seed: int, home: str | None) -> Dataset:  # noqa: D102
        return datasets.load_landmine(**self.options(), random_state=seed, data_home=home)


class Sarcos(_Data):
    """``load_sarcos``."""

    name: Literal["sarcos"]
    n_train: int = 300
    n_test: int = 600
    source: Literal["auto", "train_and_test", "test_file"] = "auto"
    standardise_targets: bool = False
    standardise_features: bool = False

    def load(self, seed: int, home: str | None) -> Dataset:  # noqa: D102
        return datasets.load_sarcos(**self.options(), random_state=seed, data_home=home)


class Mnist(_Data):
    """``load_mnist``."""

    name: Literal["mnist"]
    n_components: int | None = 128
    n_positive: int = 300
    n_negative: int = 300

    def load(self, seed: int, home: str | None) -> Dataset:  # noqa: D102
        return datasets.load_mnist(**self.options(), random_state=seed, data_home=home)


class Related(_Data):
    """``make_related_tasks``: generated, with known relationships."""

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
    kind: Literal["regression", "classification"] = "regression"

    def load(self, seed: int, home: str | None) -> Dataset:  # noqa: ARG002, D102
        return datasets.make_related_tasks(**self.options(), random_state=seed)


Data = Annotated[Digits | Landmine | Sarcos | Mnist | Related, Field(discriminator="name")]
