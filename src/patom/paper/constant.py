"""Where the constant feature is appended: after dividing by the largest norm, as here, or before, as the paper may."""

from dataclasses import replace

import numpy as np

from patom.datasets.dataset import Dataset, LongTable


def appended_before(data: Dataset) -> tuple[Dataset, float]:
    """Data and a factor that stand for rows divided together with their constant.

    Let M be the largest norm of a training row with its constant. Rows are then (x / M, 1 / M), in place of
    (x, 1) with x divided by the largest norm without it. With W = M W', problem (1) for those rows is problem
    (1) for rows (x, 1) with lambdas M^2 times as large; a ball of radius r becomes one of radius r M, and
    PATOM's step eta becomes eta M^2. So nothing but numbers changes, and the constant stays 1.

    Parameters
    ----------
    data : Dataset
        Scaled, as the loaders give it.

    Returns
    -------
    Dataset
        In the original units.
    float
        M.
    """
    train, test = (_in_units(table, data.feature_scale) for table in (data.train, data.test))
    return replace(data, train=train, test=test, feature_scale=1.0), float(np.hypot(data.feature_scale, 1.0))


def _in_units(table: LongTable, scale: float) -> LongTable:
    return table._replace(X=table.X * scale)
