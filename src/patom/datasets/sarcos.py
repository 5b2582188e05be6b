"""SARCOS: seven torques of a robot arm as seven tasks on the same inputs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from patom.core.arrays import AnyArray, FloatArray
from patom.datasets.arguments import check_count
from patom.datasets.convert import from_target_matrix
from patom.datasets.dataset import Dataset
from patom.datasets.fetch import FileState, file_state, read_mat
from patom.datasets.fetch import data_home as choose_home
from patom.datasets.scaling import in_unit_ball, standardise
from patom.datasets.sources import SOURCES, RemoteFile

N_FEATURES, N_TORQUES = 21, 7
FEATURE_NAMES = tuple(
    f"{quantity}_{joint}" for quantity in ("position", "velocity", "acceleration") for joint in range(1, 8)
)


def load_sarcos(
    *,
    n_train: int = 300,
    n_test: int = 600,
    source: Literal["auto", "train_and_test", "test_file"] = "auto",
    standardise_targets: bool = False,
    standardise_features: bool = False,
    random_state: int | np.random.Generator = 0,
    scaled: bool = True,
    data_home: str | Path | None = None,
) -> Dataset:
    """Load the SARCOS robot arm's data as seven tasks, one for each torque.

    The paper (Zhao et al. 2018, experiments) draws 300 rows to train on and 600 to test on. Every row drawn gives
    one row in each of the seven tasks. The published test file repeats rows of the published training file, so
    rows with the same 21 inputs count as one and are never in both tables.

    Parameters
    ----------
    n_train, n_test : int, default 300 and 600
        Input rows to draw without replacement.
    source : {"auto", "train_and_test", "test_file"}, default "auto"
        "train_and_test" draws the training rows from the training file (10 MB) without the rows that the test
        file has, and the test rows from the test file (1 MB). "test_file" draws all from the latter, about a
        tenth of the data. "auto" takes the first where the data home has the training file, the second where it
        has the test file only, and fetches both where it has neither.
    standardise_targets : bool, default False
        Subtract from each torque the mean of its training rows and divide by their standard deviation; the paper
        does not say whether it does.
    standardise_features : bool, default False
        The same for the features, before ``scaled``.
    random_state : int or numpy Generator, default 0
        Source of the draws; the same int gives the same ones.
    scaled : bool, default True
        Divide all features by the largest Euclidean norm of a training row, as the paper does.
    data_home : path, optional
        Where fetched files are kept. Default: the environment variable PATOM_DATA_HOME, else the user's cache.

    Returns
    -------
    Dataset
        Regression, tasks 1 to 7 (integers), 21 features; within every task the same inputs in the same order.
        The description says which files served.

    Raises
    ------
    ValueError
        ``source`` is unknown, or ``n_train`` or ``n_test`` is below 1 or above what there is.
    OSError
        A file is not in the data home and cannot be fetched.

    Notes
    -----
    Costs some ten milliseconds from the test file alone and about a tenth of a second from both.

    Examples
    --------
    >>> sarcos = load_sarcos()  # doctest: +SKIP
    >>> sarcos.train.n_rows, sarcos.test.n_rows, sarcos.train.n_features  # doctest: +SKIP
    (2100, 4200, 21)
    """
    check_count(n_train, "load_sarcos: n_train")
    check_count(n_test, "load_sarcos: n_test")
    if source not in ("auto", "train_and_test", "test_file"):
        raise ValueError(f'load_sarcos: source is {source!r}; it must be "auto", "train_and_test" or "test_file"')
    home = choose_home(data_home)
    used = _choose_files(source, home)
    tables = [_read(read_mat(file, home), file.name) for file in used]
    drawn = _draw(tables, n_train, n_test, np.random.default_rng(random_state))
    where = "the training file without what the test file repeats" if len(used) == 2 else "the test file alone"
    did = f"{n_train} training rows drawn from {where}, {n_test} test rows from the test file."
    X, Y = ([rows[:, part] for rows in drawn] for part in (slice(N_FEATURES), slice(N_FEATURES, None)))
    if standardise_features:
        X = list(standardise(*X))
        did += " Features standardised by the training rows' mean and standard deviation."
    if standardise_targets:
        Y = list(standardise(*Y))
        did += " Each torque standardised by the mean and standard deviation of its training rows."
    train, test = (from_target_matrix(*pair, tasks=range(1, N_TORQUES + 1)) for pair in zip(X, Y, strict=True))
    train, test, scale, divided = in_unit_ball(train, test, scaled=scaled)
    return Dataset(
        name="sarcos",
        kind="regression",
        train=train,
        test=test,
        feature_names=FEATURE_NAMES,
        task_name="joint",
        target_name="torque",
        description=f"Inverse dynamics of a robot arm: each task is the torque of one of seven joints. {did}{divided}",
        source=SOURCES["sarcos"].origin,
        feature_scale=scale,
        files={file.name: file.content_sha256 for file in used},
    )


def _choose_files(source: str, home: Path) -> tuple[RemoteFile, ...]:
    train, test = SOURCES["sarcos"].files
    if source == "auto":
        alone = file_state(train, home) is not FileState.RIGHT and file_state(test, home) is FileState.RIGHT
        source = "test_file" if alone else "train_and_test"
    return (test,) if source == "test_file" else (train, test)


def _read(arrays: dict[str, Any], name: str) -> FloatArray:
    """Rows of 21 features and 7 torques; of rows with the same features the first only."""
    key = Path(name).stem
    table = arrays.get(key)
    if table is None or table.ndim != 2 or table.shape[1] != N_FEATURES + N_TORQUES:
        found = "no such array" if table is None else f"one of shape {table.shape}"
        raise ValueError(f"{name} must hold the array {key} of shape (n, {N_FEATURES + N_TORQUES}); it has {found}")
    rows: FloatArray = np.ascontiguousarray(table, dtype=np.float64)
    _, first = np.unique(_keys(rows), return_index=True)
    return rows[np.sort(first)]


def _keys(rows: FloatArray) -> AnyArray:
    """The features of each row as one item that can be sorted and compared."""
    features = np.ascontiguousarray(rows[:, :N_FEATURES]) + 0.0  # -0.0 becomes 0.0
    return features.view(np.dtype((np.void, features.dtype.itemsize * N_FEATURES))).ravel()


def _draw(
    tables: Sequence[FloatArray], n_train: int, n_test: int, generator: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw rows to train on and rows to test on, of one table or of a training and a test table."""
    if len(tables) == 1:
        (rows,) = tables
        if n_train + n_test > len(rows):
            raise ValueError(
                f"load_sarcos: n_train is {n_train} and n_test {n_test}, and the test file has {len(rows)} rows; "
                'ask for fewer or take source="train_and_test"'
            )
        order = generator.permutation(len(rows))
        return rows[order[:n_train]], rows[order[n_train : n_train + n_test]]
    train, test = tables
    train = train[~np.isin(_keys(train), _keys(test))]
    for name, count, rows in (("n_train", n_train, train), ("n_test", n_test, test)):
        if count > len(rows):
            raise ValueError(f"load_sarcos: {name} is {count}, and there are {len(rows)} rows to draw from")
    return train[generator.permutation(len(train))[:n_train]], test[generator.permutation(len(test))[:n_test]]
