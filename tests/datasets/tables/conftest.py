"""Small tables, written to a file and read back."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patom.datasets.tables.table import TableError, read_table

COLUMNS = {"t": ["a", "b", "a"], "x": [1.0, 2.0, 4.0], "y": [0.5, 1.5, 2.5]}


@pytest.fixture(name="read")
def fixture_read(tmp_path):
    """Read CSV text or bytes as data.csv, an Arrow table as data.parquet.

    A dict of columns stands for an Arrow table of three rows with t, x and y, unless the dict replaces them.
    """

    def read(content, *, task="t", target="y", **settings):
        if isinstance(content, dict):
            content = pa.table(COLUMNS | content)
        if isinstance(content, pa.Table):
            path = tmp_path / "data.parquet"
            pq.write_table(content, path)
        else:
            path = tmp_path / "data.csv"
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(path, task=task, target=target, **settings)

    return read


@pytest.fixture(name="fault")
def fixture_fault(read):
    """Give the sentence of the error; every one is a single sentence on a single line."""

    def fault(content, **settings):
        with pytest.raises(TableError) as caught:
            read(content, **settings)
        message = str(caught.value)
        assert message.endswith(".")
        assert "\n" not in message
        assert ". " not in message
        assert caught.value.__cause__ is None
        return message

    return fault
