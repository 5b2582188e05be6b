"""Full results of an audit and of a grid, made up but shaped like real ones."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import page_reader
import pytest
from audit_results import build_helped, build_report
from grid_results import attacks, budgets, build_results, convergence, correlations, screening


@pytest.fixture(scope="session")
def make_report() -> Callable[..., dict[str, Any]]:
    """Build results: ``make_report(tasks=10, budgets=(0.05, ...), metric="AUC", scale=1.0)``."""
    return build_report


@pytest.fixture(scope="session")
def _digits_report() -> dict[str, Any]:
    return build_report()


@pytest.fixture
def report(_digits_report: dict[str, Any]) -> dict[str, Any]:
    """Ten tasks, four attacks, four budgets; a copy that a test may change."""
    return copy.deepcopy(_digits_report)


@pytest.fixture
def small() -> dict[str, Any]:
    """Three tasks and two budgets, for what does not depend on size."""
    return build_report(tasks=3, budgets=(0.1, 0.3))


@pytest.fixture
def helped() -> dict[str, Any]:
    """Results with remedies, which face the first curve."""
    return build_helped()


@pytest.fixture(scope="session")
def _built() -> dict[str, Any]:
    return build_results()


@pytest.fixture
def results(_built: dict[str, Any]) -> dict[str, Any]:
    """All parts; a copy that a test may change."""
    return copy.deepcopy(_built)


@pytest.fixture
def bare(results: dict[str, Any]) -> dict[str, Any]:
    """The same without anything to draw, for what does not depend on figures."""
    return results | {"convergence": [], "budgets": [], "correlations": [], "attacks": [], "screening": []}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture(scope="session")
def make_convergence() -> Callable[..., dict[str, Any]]:
    return convergence


@pytest.fixture(scope="session")
def make_budgets() -> Callable[..., dict[str, Any]]:
    return budgets


@pytest.fixture(scope="session")
def make_correlations() -> Callable[..., dict[str, Any]]:
    return correlations


@pytest.fixture(scope="session")
def read() -> Callable[[str], page_reader.Reader]:
    return page_reader.read


@pytest.fixture(scope="session")
def make_attacks() -> Callable[..., dict[str, Any]]:
    return attacks


@pytest.fixture(scope="session")
def make_screening() -> Callable[..., dict[str, Any]]:
    return screening
