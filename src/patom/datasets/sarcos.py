"""SARCOS: seven torques of a robot arm as seven tasks, on the same inputs or each on its own."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np

from patom.core.arrays import AnyArray, FloatArray
from patom.datasets.arguments import check_count
from patom.datasets.dataset import Dataset, LongTable
from patom.datasets.fetch import FileState, file_state, read_file, read_mat
from patom.datasets.fetch import data_home as choose_home
from patom.datasets.scaling import in_unit_ball, standardise
from patom.datasets.sources import SARCOS_PARTS, SOURCES, RemoteFile

N_FEATURES, N_TORQUES = 21, 7
FEATURE_NAMES = tuple(
    f"{quantity}_{joint}" for quantity in ("position", "velocity", "acceleration") for joint in range(1, 8)
)
Rows = Literal["auto", "train_and_test", "train_parts", "test_file"]
ROWS = {
    "train_and_test": "the training file without what the test file repeats",
    "train_parts": "the parts of the training file",
    "test_file": "the test file alone",
}
"""Where training rows may be drawn from."""


def load_sarcos(
    *,
    n_train: int = 300,
    n_test: int = 600,
    source: Rows = "auto",
    inputs: Literal["shared", "own"] = "shared",
    standardise_targets: bool = False,
    standardise_features: bool = False,
    random_state: int | np.random.Generator = 0,
    scaled: bool = True,
    data_home: str | Path | None = None,
) -> Dataset:
    """Load the SARCOS robot arm's data as seven tasks, one for each torque.

    The paper (Zhao et al. 2018, experiments) draws 300 rows to train on and 600 to test on. It does not say whether
    the tasks share them. The published test file repeats rows of the published training file, so rows with the same 21
    inputs count as one and are never in both tables.

    Parameters
    ----------
    n_train, n_test : int, default 300 and 600
        Rows of each task, drawn without replacement.
    source : {"auto", "train_and_test", "train_parts", "test_file"}, default "auto"
        Where training rows are drawn from; test rows are from the test file (1 MB). "train_and_test" takes the training
        file (10 MB) without the rows that the test file has. "train_parts" takes a file of about 2,000 training rows
        for each torque, which is not published and so cannot be fetched. "test_file" takes the test file's other rows,
        about a tenth of the data. "auto" takes the first of them that is in the data home; for shared inputs, which the
        parts cannot give, these are left out. It fetches training and test file if there is none.
    inputs : {"shared", "own"}, default "shared"
        With "shared", every row drawn gives one training row in each task. With "own", each task draws training rows
        for itself. Test rows are shared.
    standardise_targets : bool, default False
        Subtract from each torque the mean of its training rows and divide by their standard deviation; the paper
        does not say whether it does.
    standardise_features : bool, default False
        The same for the features, over all training rows, before ``scaled``.
    random_state : int or numpy Generator, default 0
        Source of the draws; the same int gives the same ones.
    scaled : bool, default True
        Divide all features by the largest Euclidean norm of a training row, as the paper does.
    data_home : path, optional
        Where fetched files are kept. Default: the environment variable PATOM_DATA_HOME, else the user's cache.

    Returns
    -------
    Dataset
        Regression, tasks 1 to 7 (integers), 21 features; with shared inputs the same ones in the same order in each
        task. The description says which files served.

    Raises
    ------
    ValueError
        ``source`` or ``inputs`` is unknown, they exclude each other, or ``n_train`` or ``n_test`` is below 1 or above
        what there is.
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
    for name, value, known in (("source", source, ("auto", *ROWS)), ("inputs", inputs, ("shared", "own"))):
        if value not in known:
            *most, last = (f'"{word}"' for word in known)
            raise ValueError(f"load_sarcos: {name} is {value!r}; it must be {', '.join(most)} or {last}")
    shared, home, rng = inputs == "shared", choose_home(data_home), np.random.default_rng(random_state)
    where = _chosen(home, shared=shared) if source == "auto" else source
    if shared and where == "train_parts":
        raise ValueError('load_sarcos: source "train_parts" has other inputs for each torque; take inputs="own"')
    files = _files(where)
    X, Y = _draw_shared(files, home, n_train, n_test, rng) if shared else _draw_own(files, home, n_train, n_test, rng)
    did = f"{n_train} training rows{'' if shared else ' for each torque'} drawn from {ROWS[where]}, "
    did += f"{n_test} test rows from the test file."
    if standardise_features:
        X = standardise(*X)
        did += " Features standardised by the training rows' mean and standard deviation."
    if standardise_targets:
        Y = standardise(*Y)
        did += " Each torque standardised by the mean and standard deviation of its training rows."
    train, test, scale, divided = in_unit_ball(*map(_long, X, Y), scaled=scaled)
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
        files={file.name: file.content_sha256 for file in files},
    )


def _files(where: str) -> tuple[RemoteFile, ...]:
    """The file of the training rows, if it is another one, and the test file."""
    train, test = SOURCES["sarcos"].files
    return {"train_and_test": (train, test), "train_parts": (SARCOS_PARTS, test), "test_file": (test,)}[where]


def _chosen(home: Path, *, shared: bool) -> str:
    """The first source that is in the data home; if there is none, the one that can be fetched and has most rows."""
    there = {file: file_state(file, home) is FileState.RIGHT for file in (*SOURCES["sarcos"].files, SARCOS_PARTS)}
    for where in ROWS:
        if all(there[file] for file in _files(where)) and not (shared and where == "train_parts"):
            return where
    return "train_and_test"


Drawn = tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
"""Features and torques, each of training and test rows."""


def _draw_shared(files: Sequence[RemoteFile], home: Path, n_train: int, n_test: int, rng: np.random.Generator) -> Drawn:
    """Rows with all seven torques."""
    train, test = _tables(files, home)
    if train is None:
        _require_rows(n_train, n_test, len(test))
        order = rng.permutation(len(test))
        train, test = test[order[:n_train]], test[order[n_train : n_train + n_test]]
    else:
        train, test = _some(train, n_train, "n_train", rng), _some(test, n_test, "n_test", rng)
    return (train[:, :N_FEATURES], test[:, :N_FEATURES]), (train[:, N_FEATURES:], test[:, N_FEATURES:])


def _draw_own(files: Sequence[RemoteFile], home: Path, n_train: int, n_test: int, rng: np.random.Generator) -> Drawn:
    """Training rows with one torque each, as many for each torque, in the order of the torques."""
    if SARCOS_PARTS in files:
        pools, test = _read_parts(home), _read(files[-1], home)
        test = _some(test, n_test, "n_test", rng)
    else:
        train, test = _tables(files, home)
        if train is None:
            _require_rows(n_train, n_test, len(test))
            order = rng.permutation(len(test))
            train, test = test[order[n_test:]], test[order[:n_test]]
        else:
            test = _some(test, n_test, "n_test", rng)
        pools = [train[:, [*range(N_FEATURES), N_FEATURES + torque]] for torque in range(N_TORQUES)]
    drawn = np.concatenate([_some(pool, n_train, "n_train", rng) for pool in pools])
    torques = drawn[:, N_FEATURES].reshape(N_TORQUES, n_train).T
    return (drawn[:, :N_FEATURES], test[:, :N_FEATURES]), (torques, test[:, N_FEATURES:])


def _long(X: FloatArray, Y: FloatArray) -> LongTable:
    """Rows by torque: each of ``X`` for every torque or, if there are as many as torques measured, for one."""
    n = len(Y)
    return LongTable(
        X if len(X) == Y.size else np.tile(X, (N_TORQUES, 1)), Y.T.ravel(), np.repeat(np.arange(1, N_TORQUES + 1), n)
    )


def _tables(files: Sequence[RemoteFile], home: Path) -> tuple[FloatArray | None, FloatArray]:
    """Rows to draw training rows from, without those of the test file, and the test file's."""
    *train, test = (_read(file, home) for file in files)
    return (train[0][~np.isin(_keys(train[0]), _keys(test))] if train else None), test


def _some(rows: FloatArray, count: int, name: str, rng: np.random.Generator) -> FloatArray:
    if count > len(rows):
        raise ValueError(f"load_sarcos: {name} is {count}, and there are {len(rows)} rows to draw from")
    return rows[rng.permutation(len(rows))[:count]]


def _require_rows(n_train: int, n_test: int, n_rows: int) -> None:
    if n_train + n_test > n_rows:
        raise ValueError(
            f"load_sarcos: n_train is {n_train} and n_test {n_test}, and the test file has {n_rows} rows; ask for "
            'fewer or take source="train_and_test"'
        )


def _read(file: RemoteFile, home: Path) -> FloatArray:
    """Rows of 21 features and 7 torques; of rows with the same features the first only."""
    key = Path(file.name).stem
    table = read_mat(file, home).get(key)
    if table is None or table.ndim != 2 or table.shape[1] != N_FEATURES + N_TORQUES:
        found = "no such array" if table is None else f"one of shape {table.shape}"
        raise ValueError(
            f"{file.name} must hold the array {key} of shape (n, {N_FEATURES + N_TORQUES}); it has {found}"
        )
    return _distinct(np.ascontiguousarray(table, dtype=np.float64))


def _read_parts(home: Path) -> list[FloatArray]:
    """For each torque, rows of 21 features and that torque; of rows with the same features the first only."""
    with np.load(BytesIO(read_file(SARCOS_PARTS, home))) as parts:
        rows, task = np.column_stack([parts["X"], parts["y"]]), parts["task"]
    return [_distinct(rows[task == torque]) for torque in range(1, N_TORQUES + 1)]


def _distinct(rows: FloatArray) -> FloatArray:
    _, first = np.unique(_keys(rows), return_index=True)
    return rows[np.sort(first)]


def _keys(rows: FloatArray) -> AnyArray:
    """The features of each row as one item that can be sorted and compared."""
    features = np.ascontiguousarray(rows[:, :N_FEATURES]) + 0.0  # -0.0 becomes 0.0
    return features.view(np.dtype((np.void, features.dtype.itemsize * N_FEATURES))).ravel()
