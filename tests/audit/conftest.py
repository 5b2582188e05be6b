"""Small tables, written to a file and read back."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patom.audit import AuditSettings, run_audit, table_data
from patom.datasets.tables.table import Table, TableError, read_table

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


@pytest.fixture(name="make_table", scope="session")
def fixture_make_table():
    """Build a table of related linear tasks; ``sizes`` are rows of tasks t0, t1, ..., ``noise`` the target's."""

    def make(kind="regression", sizes=(24, 24, 24), d=3, noise=0.3, seed=0):
        rng = np.random.default_rng(seed)
        task = np.repeat([f"t{i}" for i in range(len(sizes))], sizes)
        X = rng.normal(size=(task.size, d)) * 10.0 ** np.arange(d) + 5.0
        weights = 1.0 + 0.3 * rng.normal(size=(len(sizes), d))
        z = np.einsum("ij,ij->i", (X - 5.0) / 10.0 ** np.arange(d), np.repeat(weights, sizes, axis=0))
        z += noise * rng.normal(size=z.size)
        return Table(
            name="made",
            source="made.csv",
            kind=kind,
            kind_reason="made so",
            X=X,
            y=40.0 + 7.0 * z if kind == "regression" else np.where(z > 0.0, 1.0, -1.0),
            task=task,
            features=tuple(f"x{k}" for k in range(d)),
            task_column="site",
            target_column="y",
            classes=None if kind == "regression" else ("no", "yes"),
            notes=(),
        )

    return make


QUICK = AuditSettings(n_seeds=2, iterations=2, lambda_1=0.01, lambda_2=0.01, budgets=(0.1, 0.3))


@pytest.fixture(name="quick", scope="session")
def fixture_quick():
    """Settings of an audit of a second."""
    return QUICK


@pytest.fixture(name="audited", scope="session", params=["regression", "classification"])
def fixture_audited(request, make_table):
    """Data of four tasks and their quick audit."""
    data = table_data(make_table(request.param, sizes=(24, 26, 28, 30)))
    return data, run_audit(data, QUICK)


@pytest.fixture(name="audited_by_patom", scope="session")
def fixture_audited_by_patom(make_table):
    """Settings and quick audit by PATOM, its step size from pilots, of three tasks."""
    settings = replace(QUICK, attack="patom", budgets=(0.3,))
    return settings, run_audit(table_data(make_table(sizes=(24, 24, 24))), settings)
