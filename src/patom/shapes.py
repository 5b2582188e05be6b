"""Values read from a file, checked against a pydantic model: one clause says where a value does not fit."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


def require_shape(model: type[BaseModel], value: Any, *, where: str = "", between: str = "") -> None:
    """Refuse a value that the model does not allow; the value itself is left as it is.

    Parameters
    ----------
    model : pydantic model
    value : any plain value
    where, between : str, default ""
        What the value is, and what comes between that and the path of the part that does not fit.

    Raises
    ------
    ValueError
        With the path of the first part that does not fit, what is wrong with it and what it is.

    Examples
    --------
    >>> class Point(BaseModel, strict=True):
    ...     x: list[float]
    >>> require_shape(Point, {"x": [1.0, "a"]}, where="point 3", between=", ")
    Traceback (most recent call last):
        ...
    ValueError: point 3, x[1]: input should be a valid number (got 'a')
    """
    shaped(model, value, where=where, between=between)


def shaped(model: type[Model], value: Any, *, where: str = "", between: str = "") -> Model:
    """Read a value as the model has it, or refuse it as ``require_shape`` does."""
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
    got = "" if first["type"] in ("missing", "value_error") else f" (got {_short(repr(first['input']))})"
    return f"{_short(place, 120)}: {said[:1].lower()}{said[1:]}{got}" if place else f"{said[:1].lower()}{said[1:]}{got}"


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
