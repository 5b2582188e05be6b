"""Small tables, and quick audits of them."""

from dataclasses import replace

import numpy as np
import pytest

from patom.audit import AuditSettings, run_audit, table_data
from patom.datasets.tables.table import Table


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
