"""Landmine detection: 29 fields as 29 tasks, few positives, a stratified draw for each."""

from pathlib import Path
from typing import Any

import numpy as np

from patom.core.arrays import AnyArray, BoolArray, FloatArray
from patom.datasets.dataset import Dataset, LongTable
from patom.datasets.fetch import data_home as choose_home
from patom.datasets.fetch import read_mat
from patom.datasets.scaling import in_unit_ball, standardise
from patom.datasets.sources import SOURCES
from patom.datasets.splits import mark_drawn, share

N_FIELDS, N_FEATURES = 29, 9


def load_landmine(
    *,
    train_fraction: float = 0.2,
    standardise_features: bool = False,
    random_state: int | np.random.Generator = 0,
    scaled: bool = True,
    data_home: str | Path | None = None,
) -> Dataset:
    """Load the landmine data as 29 tasks, one for each field: is the object in the radar image a mine.

    Every task trains on a share of its rows, drawn at random with that share of its positives and of its
    negatives, and is tested on the others. With a fifth, tasks train on 89 to 138 rows, as in the paper (Zhao et
    al. 2018, experiments).

    Parameters
    ----------
    train_fraction : float, default 0.2
        Share of each task's rows to train on, between 0 and 1. Where a class of a task has two rows or more, one
        at least is in either table.
    standardise_features : bool, default False
        Subtract the mean of all training rows and divide by their standard deviation, before ``scaled``.
    random_state : int or numpy Generator, default 0
        Source of the draw; the same int gives the same ones.
    scaled : bool, default True
        Divide all features by the largest Euclidean norm of a training row, as the paper does.
    data_home : path, optional
        Where fetched files are kept. Default: the environment variable PATOM_DATA_HOME, else the user's cache.

    Returns
    -------
    Dataset
        Classification, tasks 1 to 29 (integers), ``y`` -1 or +1 (904 of 14,820 rows), 9 features.

    Raises
    ------
    ValueError
        ``train_fraction`` out of range.
    OSError
        The file is not in the data home and cannot be fetched.

    Notes
    -----
    Costs some ten milliseconds, and 1.1 MB to fetch the first time.

    Examples
    --------
    >>> landmine = load_landmine()  # doctest: +SKIP
    >>> landmine.train.n_rows, landmine.test.n_rows  # doctest: +SKIP
    (2968, 11852)
    """
    if not 0.0 < train_fraction < 1.0:
        raise ValueError(f"load_landmine: train_fraction is {train_fraction}; it must lie between 0 and 1")
    generator = np.random.default_rng(random_state)
    source = SOURCES["landmine"]
    (file,) = source.files
    X, y, task = _read(read_mat(file, choose_home(data_home)), file.name)
    chosen = _draw(y, task, train_fraction, generator)
    train, test = (LongTable(X[rows], y[rows], task[rows]) for rows in (chosen, ~chosen))
    did = (
        f"Each task trains on a random {train_fraction:g} of its rows, stratified by class; the others are for testing."
    )
    if standardise_features:
        features = standardise(train.X, test.X)
        train, test = train._replace(X=features[0]), test._replace(X=features[1])
        did += " Features standardised by the training rows' mean and standard deviation."
    train, test, scale, divided = in_unit_ball(train, test, scaled=scaled)
    return Dataset(
        name="landmine",
        kind="classification",
        train=train,
        test=test,
        feature_names=tuple(f"feature_{i}" for i in range(1, N_FEATURES + 1)),
        task_name="field",
        target_name="is_a_mine",
        description=f"Mine or clutter, from features of radar images; each task is one of 29 fields. {did}{divided}",
        source=source.origin,
        feature_scale=scale,
        files={file.name: file.content_sha256},
    )


def _read(cells: dict[str, Any], name: str) -> LongTable:
    """Rows of all fields, in order."""
    shapes = {key: getattr(cells.get(key), "shape", "none") for key in ("feature", "label")}
    if set(shapes.values()) != {(1, N_FIELDS)}:
        found = " and ".join(f"{key} of shape {shape}" for key, shape in shapes.items())
        raise ValueError(f"{name} has {found}; both must be cells of shape (1, {N_FIELDS})")
    features, labels = list(cells["feature"][0]), list(cells["label"][0])
    for i, (own, classes) in enumerate(zip(features, labels, strict=True), start=1):
        if own.shape != (classes.size, N_FEATURES) or not np.isin(classes, (0, 1)).all():
            raise ValueError(
                f"{name}: field {i} has features of shape {own.shape} for {classes.size} labels; "
                f"there must be {N_FEATURES} features, and labels 0 and 1"
            )
    X: FloatArray = np.concatenate(features).astype(np.float64)
    y = np.where(np.concatenate([each.ravel() for each in labels]) == 1, 1, -1)
    return LongTable(X, y, np.repeat(np.arange(1, N_FIELDS + 1), [each.size for each in labels]))


def _draw(y: AnyArray, task: AnyArray, fraction: float, generator: np.random.Generator) -> BoolArray:
    """Mark the training rows."""
    kinds, counts = [], []
    for label in np.unique(task):
        rows = np.flatnonzero(task == label)
        positives, negatives = rows[y[rows] == 1], rows[y[rows] == -1]
        n_positive = share(fraction * positives.size, positives.size)
        kinds += [positives, negatives]
        counts += [n_positive, share(round(fraction * rows.size) - n_positive, negatives.size)]
    return mark_drawn(kinds, counts, generator)
