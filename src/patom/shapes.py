"""Values read from a file, checked against a pydantic model: one clause says where a value does not fit."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from patom.wording import shortened

Model = TypeVar("Model", bound=BaseModel)


def shaped(model: type[Model], value: Any, *, where: str = "", between: str = "") -> Model:
    """Read a plain value as the model has it.

    ``where`` says what the value is, ``between`` comes between that and the path of a part that does not fit: the
    ValueError has both, what is wrong with the part and what it is.

    >>> class Point(BaseModel, strict=True):
    ...     x: list[float]
    >>> shaped(Point, {"x": [1.0, "a"]}, where="point 3", between=", ")
    Traceback (most recent call last):
        ...
    ValueError: point 3, x[1]: input should be a valid number (got 'a')
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise ValueError(_clause(error, where, between)) from None


def _clause(error: ValidationError, where: str, between: str) -> str:
    first = error.errors(include_url=False)[0]
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]]
    path = "".join(parts).removeprefix(".")
    place = f"{where}{between}{path}" if path else where
    said = " ".join(first["msg"].removeprefix("Value error, ").split()).rstrip(".")
    said = {"missing": "it is missing", "extra_forbidden": "it is unknown"}.get(first["type"], said)
    got = "" if first["type"] in ("missing", "value_error") else f" (got {shortened(repr(first['input']), 60)})"
    said = f"{said[:1].lower()}{said[1:]}{got}"
    return f"{shortened(place, 120)}: {said}" if place else said
