"""Arrays and data frames that are given to an estimator; entries that are no numbers are refused with their place."""

import numbers
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import narwhals as nw
import numpy as np

from patom.core.arrays import AnyArray
from patom.core.exact import hidden


@contextmanager
def reading(**arrays: Any) -> Iterator[None]:
    """A block in which scikit-learn's checks read the arrays, with errors that name the row and the column.

    Masked values are refused, and so are whole numbers of 128 bits, which numpy does not have, and dates and lengths of
    time among features: as numbers they would be nanoseconds since 1970, or microseconds. Where reading fails at text,
    or at whole numbers beyond float64, the error names the first. A number beyond float32 becomes infinite, and the
    caller has to refuse it. ``arrays`` are arrays or data frames by the names that errors give them; those of two
    dimensions are features.

    >>> with reading(X=[[1.0, 2.0], [3.0, "red"]]):
    ...     np.asarray([[1.0, 2.0], [3.0, "red"]], dtype=object).astype(float)
    Traceback (most recent call last):
        ...
    ValueError: X holds 'red' in row 1, column 1, which is not a number; encode the column or leave it out.
    """
    require_shown(**arrays)
    for name, values in arrays.items():
        _require_columns(name, values)
    try:
        with np.errstate(over="ignore"):
            yield
    except (ValueError, OverflowError, np.exceptions.DTypePromotionError):
        for name, values in arrays.items():
            _require_numbers(name, values)
        raise


def require_shown(**arrays: Any) -> None:
    """Refuse masked arrays, and lists of them, that hide a value; the error names the first."""
    for name, values in arrays.items():
        mask = hidden(values)
        if mask is not None:
            at = np.argwhere(mask)[0].tolist()
            where = f"row {at[0]}" + "".join(f", column {column}" for column in at[1:])
            more = f" ({mask.sum()} masked values in all)" if mask.sum() > 1 else ""
            raise ValueError(f"{name} holds a masked value in {where}{more}; drop or impute such values first.")


def _require_columns(name: str, values: Any) -> None:
    column: Any
    if isinstance(values, np.ndarray):
        column = 0 if values.ndim == 2 and values.dtype.kind in "mM" else None
    else:
        schema = _schema(values)
        wide = next((column for column, kind in schema.items() if kind in (nw.Int128, nw.UInt128)), None)
        if wide is not None and not name.startswith("y"):  # targets are read value by value
            raise ValueError(f"{name} holds whole numbers of 128 bits in column {wide!r}; cast the column to Float64.")
        column = next((column for column, kind in schema.items() if kind.is_temporal()), None)
    if column is not None:
        raise ValueError(
            f"{name} holds dates or times in column {column!r}; turn them into numbers, such as days since a date, or "
            "leave them out."
        )


def _schema(values: Any) -> dict[str, Any]:
    """Types of a data frame's columns; empty for anything else."""
    if isinstance(values, list | tuple) or not hasattr(values, "columns"):
        return {}
    frame = nw.from_native(values, eager_only=True, pass_through=True)
    return dict(frame.schema) if isinstance(frame, nw.DataFrame) else {}


def _require_numbers(name: str, values: Any) -> None:
    """Refuse the first entry of the first column that is no number float64 holds; entries that are missing pass."""
    entries = _objects(values)
    names = list(getattr(values, "columns", ())) or list(range(entries.shape[1] if entries.ndim == 2 else 0))
    for column, label in enumerate(names):
        row = _first_refused(entries[:, column])
        if row is None:
            continue
        where = f"row {row}, column {label!r}"
        if isinstance(entries[row, column], numbers.Number):
            raise ValueError(
                f"{name} holds a number beyond float64's 1.8e308 in {where}; scale the column first."
            ) from None
        raise ValueError(
            f"{name} holds {_short(entries[row, column])} in {where}, which is not a number; encode the column or "
            "leave it out."
        ) from None


def _objects(values: Any) -> AnyArray:
    try:
        return np.asarray(values, dtype=object)
    except ValueError:  # rows of different lengths
        return np.empty(0, dtype=object)


def _first_refused(column: AnyArray) -> int | None:
    for row, entry in enumerate(column.tolist()):
        try:
            float(entry)
        except (ValueError, OverflowError):
            return row
        except TypeError:  # None and pandas' NA, which are found as NaN; a dict, of which scikit-learn says enough
            continue
    return None


def _short(entry: Any, most: int = 40) -> str:
    shown = repr(entry)
    return shown if len(shown) <= most else shown[: most - 3] + "..."


def named(values: AnyArray, frame: Any) -> Any:
    """``values`` as a data frame like ``frame``, where that has column names; else as they are."""
    names = list(getattr(frame, "columns", ()))
    if not names or not all(isinstance(name, str) for name in names):
        return values
    like = nw.from_native(frame, eager_only=True)
    return nw.from_numpy(values, names, backend=like.implementation).to_native()
