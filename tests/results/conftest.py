"""Full results of an audit, made up but shaped like real ones."""

from typing import Any

import pytest
from audit_results import build_helped, build_report


@pytest.fixture
def report() -> dict[str, Any]:
    """Ten tasks, four attacks, four budgets."""
    return build_report()


@pytest.fixture
def small() -> dict[str, Any]:
    """Three tasks and two budgets, for what does not depend on size."""
    return build_report(tasks=3, budgets=(0.1, 0.3))


@pytest.fixture
def helped() -> dict[str, Any]:
    """Results with remedies."""
    return build_helped()
