"""Screening of a user's table: scaled as an audit scales it, with lambdas that cross-validation chose."""

import warnings
from collections.abc import Callable
from typing import Any

from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from patom.audit.scaling import fit_scaling
from patom.audit.table import Table
from patom.defenses import Screening, screen
from patom.models import LambdaSearch, MTRLClassifier, MTRLRegressor


def screen_table(
    table: Table,
    *,
    reference: Table | None = None,
    lambda_1: float | None = None,
    lambda_2: float | None = None,
    standardise: bool = True,
    resamples: int = 0,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Screening:
    """Rank the tasks of a table; costs a cross-validation and three fits a task, and those again for each resample.

    Parameters
    ----------
    table, reference : Table
        The one to screen, and one that is trusted, with the same features.
    lambda_1, lambda_2 : float, optional
        Both or none; by default those of ``LambdaSearch`` on the table.
    standardise : bool
        As in ``table_data``.
    resamples : int
        ``n_resamples`` of ``screen``, for p-values.
    seed : int
    progress : callable
        Called with the parts done and all parts.
    """
    if (lambda_1 is None) != (lambda_2 is None):
        raise ValueError("lambda_1 and lambda_2 of the screening must be given together, or none of them.")
    if reference is not None and reference.features != table.features:
        raise ValueError(
            f"the trusted table must have the features {', '.join(table.features)}; it has "
            f"{', '.join(reference.features)}."
        )
    scaling = fit_scaling(table.X, table.y, kind=table.kind, standardise=standardise)
    X, y = scaling.features(table.X), scaling.target(table.y)
    model: Any = (MTRLRegressor if table.kind == "regression" else MTRLClassifier)()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a ranking does not need the last digits
        if lambda_1 is None:
            fitted = LambdaSearch(model, random_state=seed).fit(X, y, task=table.task)
            lambda_1, lambda_2 = fitted.lambda_1_, fitted.lambda_2_
        model = clone(model).set_params(lambda_1=lambda_1, lambda_2=lambda_2)
        trusted = None
        if reference is not None:
            rows = scaling.features(reference.X), scaling.target(reference.y)
            trusted = clone(model).fit(*rows, task=reference.task)
        done, total = 0, len(set(table.task.tolist())) + 2 + resamples

        def advance() -> None:
            nonlocal done
            done += 1
            progress(done, total)

        return screen(
            model, X, y, task=table.task, reference=trusted, n_resamples=resamples, random_state=seed,
            progress=advance,
        )  # fmt: skip
