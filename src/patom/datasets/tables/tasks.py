"""The task column of a table's file as labels, each as the file has it, or one sentence on why not."""

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from patom.datasets.tables.columns import (
    NotWholeError,
    as_text,
    distinct_values,
    is_number,
    text_array,
    whole_numbers,
)
from patom.datasets.tables.features import missing_values
from patom.datasets.tables.file import TableError, TableFile
from patom.datasets.tables.wording import counted

_CODE = r"^(0|-?[1-9]\d*)(\.0*)?$"  # an integer prints as it was written, but for the zeros of a float
_FLOAT = r"^-?((0|[1-9]\d*)(\.\d*)?|\.\d+|\d(\.\d*)?e[+-]\d{2,3})$"  # programs'; 2E1 is a room's
_LONGEST_LABEL = 500  # characters; a fixed-width array of longer ones would fill the memory


def task_labels(file: TableFile, name: str) -> NDArray[Any]:
    """Read the named column as task labels, (n,): int64 if they are whole numbers, else str.

    Codes of a CSV count as numbers if int64 prints them as they stand there, but for `.0`, and `1e+05` does where no
    other spelling means the same; '007', '2E1' and '1e5' stay text, as do whole numbers beyond int64. Raises TableError
    if a label is missing, longer than 500 characters, a number that is not whole or a float that may stand for several
    whole numbers, or no label at all.

    Examples
    --------
    >>> file = TableFile("sales.parquet", pa.table({"shop": [3.0, 1.0]}), b"", None)
    >>> task_labels(file, "shop")
    array([3, 1])
    """
    column = file.columns[name]
    if file.delimiter is not None:
        column = _codes(file, name, column)
    missing = missing_values(column)
    if missing.any():
        raise TableError(
            f"{file.source} names no task in {file.row(int(missing.argmax()))}, column {name!r} "
            f"({counted(int(missing.sum()), 'row')} in all): drop such rows or name their task."
        )
    if pa.types.is_boolean(column.type):
        column = pc.if_else(column, "True", "False")
    try:
        if is_number(column.type):
            labels = whole_numbers(column)
            return labels if labels.dtype != object else labels.astype(str)
        column = as_text(column)
    except NotWholeError as error:
        raise _not_whole(file, name, error.shown, error.row, str(error)) from None
    except TypeError as error:
        raise TableError(f"The task column {name!r} of {file.source} holds {error}.") from None
    return _text_labels(file, name, column)


def _text_labels(file: TableFile, name: str, column: Any) -> NDArray[np.str_]:
    length = pc.utf8_length(column).to_numpy(zero_copy_only=False)
    if length.max() > _LONGEST_LABEL:
        raise TableError(
            f"The task column {name!r} of {file.source} holds a label of {length.max():,} characters in "
            f"{file.row(int(length.argmax()))}: a task label is a short name (at most {_LONGEST_LABEL})."
        )
    distinct, codes = distinct_values(column)
    try:
        labels: NDArray[np.str_] = text_array(distinct)[codes]
    except ValueError as error:
        raise TableError(f"The task column {name!r} of {file.source} holds {error}.") from None
    return labels


def _codes(file: TableFile, name: str, text: Any) -> Any:
    """A CSV's labels as int64 where they are numbers in the spelling that numbers have, else as they are."""
    blank = pc.is_in(text, value_set=pa.array(pa.csv.ConvertOptions().null_values, text.type))
    written = pc.if_else(blank, pa.scalar(None, text.type), text)
    spelled = pc.unique(written).drop_null()
    if not len(spelled):
        return text
    if _every(spelled, _CODE):
        whole = pc.replace_substring_regex(written, r"\.0*$", "")
        try:
            return whole.cast(pa.int64())
        except pa.ArrowInvalid:
            return text
    if not _every(spelled, _FLOAT):
        return text
    return _printed(file, name, text, written, spelled.to_pylist())


def _printed(file: TableFile, name: str, text: Any, written: Any, spelled: list[str]) -> Any:
    """Labels of which some are in the spelling of floats: `1e+05` is 100000, unless another label is that too."""
    values = [Decimal(label) for label in spelled]
    for label, value in zip(spelled, values, strict=True):
        cut = "e" in label and abs(value) >= 2**53  # digits of it may be lost
        if cut or value != int(value):
            row = int(pc.index(text, pa.scalar(label, text.type)).as_py())
            why = "store labels with all their digits" if cut else "tasks are named by whole numbers or by text"
            raise _not_whole(file, name, label, row, why)
    plain = {label.rstrip("0").rstrip(".") if "." in label and "e" not in label else label for label in spelled}
    whole = [int(value) for value in values]
    if len(set(whole)) < len(plain) or any(not -(2**63) <= value < 2**63 for value in whole):
        return text
    places = pc.index_in(written, value_set=pa.array(spelled, text.type), skip_nulls=True)
    return pa.array(whole, pa.int64()).take(places)


def _every(labels: Any, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(labels, pattern)).as_py())


def _not_whole(file: TableFile, name: str, shown: str, row: int, why: str) -> TableError:
    return TableError(f"The task column {name!r} of {file.source} holds {shown} in {file.row(row)}: {why}.")
