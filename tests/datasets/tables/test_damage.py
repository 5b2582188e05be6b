"""What a path may lead to, and what is said of a Parquet file of which pyarrow cannot read all."""

import errno
import io
import os
import re
import subprocess
import sys
import threading

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patom import pipes
from patom.datasets import read_parquet
from patom.datasets.tables.table import TableError, read_table

CSV = b"t,x,y\n" + b"".join(b"shop %d,%d.5,%d\n" % (i % 3, i, i * i) for i in range(20_000))


def as_parquet(**columns):
    file = io.BytesIO()
    pq.write_table(pa.table({"t": ["a", "b", "a"], "x": [1.0, 2.0, 4.0], "y": [0.5, 1.5, 2.5]} | columns), file)
    return file.getvalue()


@pytest.fixture
def piped(tmp_path):
    """A named pipe that gives these bytes once."""
    writers = []

    def made(content):
        path = tmp_path / "pipe"
        os.mkfifo(path)
        writers.append(threading.Thread(target=path.write_bytes, args=[content], daemon=True))
        writers[-1].start()
        return path

    yield made
    for writer in writers:
        writer.join(5)


def test_a_pipe_is_read_once(piped, tmp_path):
    (tmp_path / "a.csv").write_bytes(CSV)
    table, same = read_table(piped(CSV), task="t", target="y"), read_table(tmp_path / "a.csv", task="t", target="y")
    np.testing.assert_array_equal(table.X, same.X)
    np.testing.assert_array_equal(table.task, same.task)
    assert (table.name, table.source) == ("pipe", str(tmp_path / "pipe"))  # /dev/fd/63 says more than 63


def test_a_pipe_is_named_by_its_whole_path(piped, tmp_path):
    for content in (b"t,x,y\na,,1\nb,1,2\n", as_parquet()[:-9]):
        with pytest.raises(ValueError, match=f"{re.escape(str(tmp_path / 'pipe'))} "):
            read_table(piped(content), task="t", target="y")
        (tmp_path / "pipe").unlink()


def test_parquet_comes_through_a_pipe(piped):
    table = read_table(piped(as_parquet()), task="t", target="y")
    assert table.X[:, 0].tolist() == [1, 2, 4]


def test_read_parquet_reads_a_pipe(piped):
    assert read_parquet(piped(as_parquet()), task="t", target="y").task.tolist() == ["a", "b", "a"]


@pytest.mark.slow
def test_standard_input():
    program = "from patom.audit import read_table; print(read_table('/dev/stdin', task='t', target='y').y.size)"
    out = subprocess.run([sys.executable, "-c", program], input=CSV, capture_output=True, timeout=60, check=True)
    assert int(out.stdout) == 20_000


@pytest.mark.parametrize(("path", "kind"), [("/dev/zero", "a device"), (".", "a folder")])
def test_what_is_no_file_is_refused_by_its_kind(path, kind):
    with pytest.raises(TableError) as caught:
        read_table(path, task="t", target="y")
    assert str(caught.value) == f"'{path}' is {kind}, not a CSV or Parquet file."
    with pytest.raises(ValueError, match=f"read_parquet: '{path}' is {kind}, not a Parquet file"):
        read_parquet(path, task="t", target="y")


def test_a_pipe_without_a_writer_does_not_hang(tmp_path, monkeypatch):
    monkeypatch.setattr(pipes, "PATIENCE", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TableError, match="pipe' is an empty pipe that nobody writes to, not a CSV or Parquet file"):
        read_table(tmp_path / "pipe", task="t", target="y")


def test_an_empty_pipe(piped, monkeypatch):
    monkeypatch.setattr(pipes, "PATIENCE", 0.5)
    with pytest.raises(TableError, match=r"is an empty pipe that nobody writes to|is empty"):
        read_table(piped(b"\n"), task="t", target="y")


@pytest.fixture
def wide(tmp_path):
    """A file of polars with integers of 128 bits beside good columns."""
    frame = pl.DataFrame({"t": ["a", "b", "a"], "x": [1.0, 2.0, 4.0], "y": [0.5, 1.5, 2.5], "wide": [1, 2, 3]})
    frame.with_columns(pl.col("wide").cast(pl.Int128)).write_parquet(tmp_path / "wide.parquet")
    return tmp_path / "wide.parquet"


def test_integers_of_128_bits_cost_their_column_only(wide):
    table = read_table(wide, task="t", target="y")
    assert table.features == ("x",)
    assert table.task.tolist() == ["a", "b", "a"]
    assert table.notes[:2] == (
        "The file's columns have the types of Parquet, as pyarrow cannot read those of Arrow beside them (Integers "
        "with more than 64 bits not implemented); a duration counts as whole numbers.",
        "Left out of the features, as their types cannot be read as numbers: 'wide'.",
    )
    assert read_parquet(wide, task="t", target="y", features=["x"]).X.tolist() == [[1], [2], [4]]
    for columns in ({"task": "wide", "target": "y"}, {"task": "t", "target": "wide"}):
        with pytest.raises(TableError, match=r"'wide' of wide.parquet holds values of type fixed_size_binary\[16\]"):
            read_table(wide, **columns)
    with pytest.raises(ValueError, match=r"the column 'wide' of wide.parquet holds values of type fixed_size_binary"):
        read_parquet(wide, task="t", target="y")


def test_whole_numbers_of_such_a_file_may_be_durations(tmp_path):
    frame = pl.DataFrame({"t": ["a", "b", "a"], "x": [1, 2, 4], "y": [0.5, 1.5, 2.5], "wide": [1, 2, 3]})
    frame.with_columns(pl.col("wide").cast(pl.Int128)).write_parquet(tmp_path / "a.parquet")
    with pytest.warns(UserWarning, match=r"read_parquet: The file's columns have the types of Parquet, .* a duration"):
        read_parquet(tmp_path / "a.parquet", task="t", target="y", features=["x"])


class Metres(pa.ExtensionType):
    def __init__(self):
        super().__init__(pa.int64(), "test.metres")

    def __arrow_ext_serialize__(self):
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage, serialized):
        return cls()


@pytest.mark.parametrize("known", [True, False])
def test_an_extension_is_no_feature_unless_it_is_named(tmp_path, known):
    column = pa.ExtensionArray.from_storage(Metres(), pa.array([3, 2, 1]))
    (tmp_path / "a.parquet").write_bytes(as_parquet(far=column))
    if known:
        pa.register_extension_type(Metres())
    try:
        assert read_table(tmp_path / "a.parquet", task="t", target="y").features == ("x",)
        table = read_table(tmp_path / "a.parquet", task="t", target="y", features=["far"])
        with pytest.raises(ValueError, match=r"'far' of a\.parquet holds values of an extension type over int64"):
            read_parquet(tmp_path / "a.parquet", task="t", target="y")
        named = read_parquet(tmp_path / "a.parquet", task="t", target="y", features=["far"])
    finally:
        if known:
            pa.unregister_extension_type("test.metres")
    assert table.X.tolist() == named.X.tolist() == [[3], [2], [1]]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([{"b": 1}] * 3),
        pa.array([[("k", 1)]] * 3, pa.map_(pa.string(), pa.int64())),
        pa.array([[1], [2], [3]], pa.large_list(pa.int64())),
        pa.array([b"ab"] * 3, pa.binary(2)),
        pa.array([b"\xff", b"1", b"2"], pa.binary_view()),
        pa.array([1, 2, 3], pa.duration("s")),
    ],
    ids=lambda column: str(column.type),
)
def test_columns_of_other_types_cost_themselves_only(tmp_path, column):
    (tmp_path / "a.parquet").write_bytes(as_parquet(other=column))
    table = read_table(tmp_path / "a.parquet", task="t", target="y")
    assert table.features == ("x",)
    assert "'other'" in table.notes[0]
    with pytest.raises(TableError, match=r"'other' of a\.parquet holds values of type .*, not numbers"):
        read_table(tmp_path / "a.parquet", task="t", target="y", features=["other"])


def test_a_column_that_this_pyarrow_cannot_decode_costs_itself_only(tmp_path, monkeypatch):
    (tmp_path / "a.parquet").write_bytes(as_parquet(z=[7.0, 8.0, 9.0]))
    read = pq.ParquetFile.read

    def unable(self, columns, **settings):
        if columns == ["z"]:
            raise pa.ArrowNotImplementedError("Support for codec 'lzo' not built")
        return read(self, columns=columns, **settings)

    monkeypatch.setattr(pq.ParquetFile, "read", unable)
    table = read_table(tmp_path / "a.parquet", task="t", target="y")
    assert table.features == ("x",)
    assert table.notes[0] == "Left out of the features, as their types cannot be read as numbers: 'z'."
    with pytest.raises(TableError) as caught:
        read_table(tmp_path / "a.parquet", task="t", target="z")
    assert str(caught.value) == (
        f"The column 'z' of a.parquet cannot be read by pyarrow {pa.__version__} (Support for codec 'lzo' not built)."
    )


def test_a_struct_and_a_column_of_its_field_s_name(tmp_path):
    (tmp_path / "a.parquet").write_bytes(as_parquet(s=[{"b": 1}] * 3, **{"s.b": [7.0, 8.0, 9.0]}))
    table = read_table(tmp_path / "a.parquet", task="t", target="y")
    assert table.features == ("x", "s.b")
    assert table.X[:, 1].tolist() == [7, 8, 9]
    X = read_parquet(tmp_path / "a.parquet", task="t", target="y", features=["s.b"]).X
    assert X.tolist() == [[7], [8], [9]]
    assert read_table(tmp_path / "a.parquet", task="t", target="s.b").y.tolist() == [7, 8, 9]


@pytest.mark.parametrize("error", [pa.ArrowMemoryError("malloc of size 64 failed"), OSError(errno.ENOMEM, "no memory")])
def test_too_little_memory_is_no_damage(tmp_path, monkeypatch, error):
    (tmp_path / "a.parquet").write_bytes(as_parquet())

    def unable(*_, **__):
        raise error

    for method in ("read", "iter_batches", "__init__"):
        with monkeypatch.context() as patched:
            patched.setattr(pq.ParquetFile, method, unable)
            read = read_parquet if method == "iter_batches" else read_table
            with pytest.raises(MemoryError, match=r"a\.parquet does not fit into memory: read fewer rows or columns"):
                read(tmp_path / "a.parquet", task="t", target="y")


def test_a_disk_that_fails_is_no_damage(tmp_path, monkeypatch):
    (tmp_path / "a.parquet").write_bytes(as_parquet())

    def unable(*_, **__):
        raise OSError(errno.EIO, "failed reading")

    monkeypatch.setattr(pq.ParquetFile, "read", unable)
    with pytest.raises(TableError, match=r"of a\.parquet cannot be read: input/output error"):
        read_table(tmp_path / "a.parquet", task="t", target="y")


FLAWED = as_parquet(z=np.random.default_rng(0).standard_normal(3), s=pa.array(["u", "v", "w"]).dictionary_encode())


@pytest.mark.parametrize("read", [read_table, read_parquet])
def test_a_file_cut_short_is_refused(tmp_path, read):
    for length in range(66, len(FLAWED), 40):
        (tmp_path / "a.parquet").write_bytes(FLAWED[:length])
        with pytest.raises(ValueError, match=r"is damaged or cut short\.$|cannot be read as a Parquet file: .*"):
            read(tmp_path / "a.parquet", task="t", target="y", features=["x", "z"])


@pytest.mark.parametrize("read", [read_table, read_parquet])
def test_a_changed_bit_ends_in_one_sentence_at_worst(tmp_path, read):
    rng, said = np.random.default_rng(0), []
    for _ in range(300):
        content = bytearray(FLAWED)
        content[rng.integers(4, len(content))] ^= 1 << int(rng.integers(8))
        (tmp_path / "a.parquet").write_bytes(content)
        try:
            read(tmp_path / "a.parquet", task="t", target="y", features=["x", "z"])
        except ValueError as error:
            said.append(str(error))
    damaged = [message for message in said if "damaged or cut short" in message or "as a Parquet file" in message]
    assert len(damaged) > 30
    assert not any("\n" in message for message in said)
