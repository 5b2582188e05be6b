"""Arrays that hold the values as given: objects where one of numpy's plain types would change a value."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np

from patom.core.arrays import AnyArray, BoolArray


def exact_array(values: Any) -> AnyArray:
    """Any array-like as an array that holds the values given; dates and times of every library as numpy's.

    numpy turns whole numbers beside a fraction into floats, which hold them up to 2**53, numbers beside text into
    text, and drops null characters at the end of text. Such values stay objects. Rows of several values, of a data
    frame too, become tuples. Costs a pass over a list, which numpy makes as well, and over objects.

    The result has shape (n,), or none for a single value. Masks are ignored: see ``hidden``.

    >>> exact_array([1, 0.5]), exact_array([2**53 + 1, 0.5]), exact_array([1, "1"])
    (array([1. , 0.5]), array([9007199254740993, 0.5], dtype=object), array([1, '1'], dtype=object))
    >>> exact_array([["a", 1], ["b", 2]]).tolist()
    [('a', 1), ('b', 2)]
    """
    array = _as_numpy(values)
    if array.ndim > 1:
        return objects([_as_tuple(row) for row in _rows(values, array)])
    given = _listed(values, array)
    if given is not None and _changed(given, array):
        array = objects(given)
    if array.dtype != object or array.ndim == 0:
        return array
    return _in_one_unit(objects([_as_tuple(value) for value in array.tolist()]))


def exact_column(values: Any) -> Any:
    """One column of single values as ``exact_array`` has it, of shape (n, 1) where it came so; anything else as it is.

    Arrays and what pandas has lose nothing on the way to an array.

    >>> exact_column([2**53 + 1, 0.5]), exact_column([[1], ["1"]]).tolist(), exact_column([[1, 2]])
    (array([9007199254740993, 0.5], dtype=object), [[1], ['1']], [[1, 2]])
    """
    if isinstance(values, np.ndarray) or hasattr(values, "iloc") or not hasattr(values, "__len__"):
        return values
    given = values.rows() if hasattr(values, "rows") else values  # of polars' data frames
    if not isinstance(given, list | tuple):
        return exact_array(values)
    if not any(map(np.ndim, given[:1])):
        return exact_array(given)
    rows = all(isinstance(row, list | tuple | np.ndarray) and np.shape(row)[:1] == (1,) for row in given)
    return exact_array([row[0] for row in given]).reshape(-1, 1) if rows else values


def exact_value(value: Any) -> Any:
    """A label as ``values_of`` has it: Python's value of a numpy scalar, numpy's of a date.

    >>> exact_value(np.int64(3)), exact_value(np.str_("a")), exact_value(("a", 1))
    (3, 'a', ('a', 1))
    """
    if isinstance(value, list | tuple | set | dict) or (isinstance(value, np.ndarray) and value.ndim):
        return value
    return values_of(np.atleast_1d(exact_array([value])))[0]


def objects(values: Sequence[Any]) -> AnyArray:
    """A one-dimensional array of objects, also where these are sequences themselves."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def values_of(array: AnyArray) -> list[Any]:
    """An array's values as Python's, which can be compared and looked up; dates and times stay numpy's.

    >>> values_of(np.array([1, 2])), str(values_of(np.array(["2020-01-01"], dtype="datetime64[ns]"))[0])
    ([1, 2], '2020-01-01T00:00:00.000000000')
    """
    return list(array) if array.dtype.kind in "mM" else list(array.tolist())


def joined(*arrays: AnyArray) -> AnyArray:
    """All arrays' values, one after the other; objects where a type for all would change one.

    >>> joined(np.array([2**62 + 1]), np.array([2**63], dtype=np.uint64))
    array([4611686018427387905, 9223372036854775808], dtype=object)
    """
    kinds = {array.dtype.kind for array in arrays}
    if len({array.dtype for array in arrays}) == 1 or (len(kinds) == 1 and kinds < set("iufUS")):
        return np.concatenate(arrays)
    return exact_array([value for array in arrays for value in values_of(array)])


def hidden(values: Any) -> BoolArray | None:
    """Where masked arrays, also those in lists or among objects, hide values; None where none does.

    The result has the shape of ``values``, or (n,) for n entries of different shapes. Costs a pass over the types of a
    list's values.

    >>> hidden(list(np.ma.masked_array([[1, 2], [3, 4]], mask=[[0, 0], [0, 1]])))
    array([[False, False],
           [False,  True]])
    """
    if isinstance(values, np.ma.MaskedArray):
        mask = np.ma.getmask(values)
        return np.asarray(mask) if np.any(mask) else None
    if isinstance(values, np.ndarray):
        if values.dtype != object or values.ndim == 0:
            return None
        return _hidden_within(values.tolist())
    return _hidden_within(values) if isinstance(values, list | tuple) else None


def _hidden_within(entries: Sequence[Any]) -> BoolArray | None:
    if not any(issubclass(kind, list | tuple | np.ndarray) for kind in set(map(type, entries))):
        return None
    masks = [hidden(entry) for entry in entries]
    shapes = {mask.shape for mask in masks if mask is not None}
    if not shapes:
        return None
    if len(shapes) > 1:
        return np.array([mask is not None for mask in masks])
    clear = np.zeros(shapes.pop(), dtype=bool)
    return np.array([clear if mask is None else mask for mask in masks])


def same_moments(labels: AnyArray, dtype: Any) -> tuple[AnyArray, BoolArray]:
    """Dates or times in another's unit, and which of them that unit holds."""
    there = labels.astype(dtype)
    return there, np.asarray(there.astype(labels.dtype) == labels)


def _as_numpy(values: Any) -> AnyArray:
    try:
        return np.asarray(values)
    except ValueError:  # rows of different lengths
        return objects(list(values))
    except Exception:  # a library's own: polars has no array for its 128-bit whole numbers
        if hasattr(values, "rows"):
            return objects(values.rows())
        if not isinstance(values, Sequence) and not hasattr(values, "to_list"):
            raise
        return objects(list(values))


def _listed(values: Any, array: AnyArray) -> Sequence[Any] | None:
    """The values themselves where they came in a list, or as text from a library that may have cut it short."""
    if isinstance(values, list | tuple):
        return values
    text = array.dtype.kind in "US" and not isinstance(values, np.ndarray) and hasattr(values, "to_list")
    return list(values.to_list()) if text else None


def _rows(values: Any, array: AnyArray) -> list[Any]:
    """Rows of several values; a data frame's columns, which may differ in type, are not brought to one."""
    if isinstance(values, list | tuple):
        return list(values)
    if hasattr(values, "itertuples"):
        return list(values.itertuples(index=False, name=None))
    return list(values.rows()) if hasattr(values, "rows") else list(array.tolist())


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | np.ndarray) and np.ndim(value) else value


def _changed(values: Sequence[Any], array: AnyArray) -> bool:
    """Whether numpy wrote another value than the one given; every value of a type that it keeps is the same."""
    kind = array.dtype.kind
    if kind in "US":
        end = "\0" if kind == "U" else b"\0"
        return len({type(value) for value in values}) > 1 or any(value.endswith(end) for value in values)
    if kind in "fc":
        pairs = zip(values, array.tolist(), strict=True)
        return any(int(value) != own for value, own in pairs if isinstance(value, int | np.integer))
    if kind in "mM":
        return any(not same_moments(np.asarray(value), array.dtype)[1].all() for value in values)
    return False


def _in_one_unit(labels: AnyArray) -> AnyArray:
    """Objects that are all dates and times without a zone, or all lengths of time, in the finest unit among them."""
    for kinds, name in (((date, np.datetime64), "to_datetime64"), ((timedelta, np.timedelta64), "to_timedelta64")):
        if not labels.size or not all(isinstance(value, kinds) for value in labels.tolist()):
            continue
        if any(getattr(value, "tzinfo", None) is not None for value in labels.tolist()):
            continue
        place = {value: number for number, value in enumerate(dict.fromkeys(labels.tolist()))}
        moments = [np.asarray(_moment(value, name)) for value in place]
        array = np.asarray([moment[()] for moment in moments])
        kept = all(same_moments(moment, array.dtype)[1] | np.isnat(moment) for moment in moments)
        if not kept or np.unique(array).size < len(place):  # a day and its midnight are two labels to Python
            return labels
        return array[[place[value] for value in labels.tolist()]]
    return labels


def _moment(value: Any, name: str) -> Any:
    if isinstance(value, np.generic):
        return value
    if hasattr(value, name):  # pandas', which may hold nanoseconds
        return getattr(value, name)()
    return np.timedelta64(value) if isinstance(value, timedelta) else np.datetime64(value)
