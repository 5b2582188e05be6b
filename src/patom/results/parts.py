"""What all results consist of: numbers that a page can show, intervals, names of attacks."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from patom.results.methods import AttackName, Method, Reach

LARGEST = 1e150  # squares of what is larger are beyond floats
Number = Annotated[float, Field(gt=-LARGEST, lt=LARGEST, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, lt=LARGEST, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0.0, lt=LARGEST, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Rows = list[list[Number | None]]


class Part(BaseModel):
    """A part of the results. Keys of a file that it does not know are passed over."""

    model_config = ConfigDict(strict=True, frozen=True, populate_by_name=True)

    def as_dict(self) -> dict[str, Any]:
        """The part as a file holds it, in plain values."""
        return self.model_dump(mode="json", by_alias=True)


class Interval(Part):
    """A mean over seeds and its confidence interval; None where there is none."""

    mean: Number | None
    low: Number | None
    high: Number | None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low is above high")
        return self

    @classmethod
    def of(cls, mean: float | None, low: float | None = None, high: float | None = None) -> Self:
        """Make one from its mean and ends."""
        return cls(mean=mean, low=low, high=high)


UNMEASURED = Interval.of(None)
Measured = Annotated[Interval, BeforeValidator(lambda found: UNMEASURED if found is None else found)]
"""An interval; a file may hold a null in its place."""


def _attack(found: Any) -> AttackName:
    if isinstance(found, AttackName):
        return found
    if not isinstance(found, str):
        raise ValueError("an attack must be a name such as 'patom-direct'")
    return AttackName.parse(found)


def _optimising(found: Any) -> Method:
    if found not in (Method.ASCENT, Method.PATOM):
        raise PydanticCustomError("enum", "Input should be 'ascent' or 'patom'")
    return Method(found)


Attack = Annotated[AttackName, PlainValidator(_attack), PlainSerializer(str, return_type=str)]
"""A method and its reach; a file holds one word for both."""
Optimising = Annotated[Method, PlainValidator(_optimising), PlainSerializer(str, return_type=str)]
"""The methods that optimise an audit's rows."""
Reached = Annotated[Reach, Field(strict=False)]
