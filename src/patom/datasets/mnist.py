"""MNIST: ten one-vs-rest tasks on principal components of the images."""

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from patom.core.arrays import AnyArray, IntArray
from patom.datasets.arguments import check_count
from patom.datasets.convert import one_vs_rest
from patom.datasets.dataset import Dataset, LongTable
from patom.datasets.fetch import data_home as choose_home
from patom.datasets.fetch import read_file, require
from patom.datasets.scaling import in_unit_ball
from patom.datasets.sources import SOURCES

SIDE = 28
UNSIGNED_BYTES = 0x08  # IDX's code for the type of its numbers


def load_mnist(
    *,
    n_components: int | None = 128,
    n_positive: int = 300,
    n_negative: int = 300,
    random_state: int | np.random.Generator = 0,
    scaled: bool = True,
    data_home: str | Path | None = None,
) -> Dataset:
    """Load MNIST as ten tasks, "is it a 0" to "is it a 9".

    The paper's protocol (Zhao et al. 2018, experiments): 128 principal components of the images, and 300 images of
    the digit and 300 of the others for each task. The components are those of the 60,000 training images, the rows
    to train on are drawn from these, and as many to test on from the 10,000 test images. Within a table one image
    may serve several tasks.

    Parameters
    ----------
    n_components : int or None, default 128
        Principal components, 1 to 784; None keeps the 784 grey values, 0 to 255.
    n_positive, n_negative : int, default 300
        Rows of the digit and of the others for each task, drawn without replacement; of either table.
    random_state : int or numpy Generator, default 0
        Source of the draws; the same int gives the same ones.
    scaled : bool, default True
        Divide all features by the largest Euclidean norm of a training row, as the paper does.
    data_home : path, optional
        Where fetched files are kept. Default: the environment variable PATOM_DATA_HOME, else the user's cache.

    Returns
    -------
    Dataset
        Classification, tasks 0 to 9 (integers), ``y`` -1 or +1. With the defaults 6,000 rows in either table.

    Raises
    ------
    ValueError
        A number is out of range.
    OSError
        A file is not in the data home and cannot be fetched.

    Notes
    -----
    The first call of a process reads all images and decomposes their covariance, a few seconds and half a gigabyte
    at its peak; the projected images stay in memory (72 MB for 128 components), so that further draws take
    milliseconds.

    Examples
    --------
    >>> mnist = load_mnist()  # doctest: +SKIP
    >>> mnist.train.X.shape, mnist.test.X.shape  # doctest: +SKIP
    ((6000, 128), (6000, 128))
    """
    if n_components is not None and check_count(n_components, "load_mnist: n_components") > SIDE * SIDE:
        raise ValueError(f"load_mnist: n_components is {n_components}; an image has {SIDE * SIDE} pixels")
    check_count(n_positive, "load_mnist: n_positive")
    check_count(n_negative, "load_mnist: n_negative")
    generator, source = np.random.default_rng(random_state), SOURCES["mnist"]
    tables = _images(*_files(choose_home(data_home)), n_components)
    train, test = (_one_vs_rest(*table, n_positive, n_negative, generator) for table in tables)
    features, names = "Grey values", [f"pixel_{row}_{column}" for row in range(SIDE) for column in range(SIDE)]
    if n_components is not None:
        features = f"The first {n_components} principal components"
        names = [f"component_{i}" for i in range(1, n_components + 1)]
    did = f"{features} of 28 x 28 pixels; for each task {n_positive} images of the digit and {n_negative} others."
    train, test, scale, divided = in_unit_ball(train, test, scaled=scaled)
    return Dataset(
        name="mnist",
        kind="classification",
        train=train,
        test=test,
        feature_names=tuple(names),
        task_name="digit",
        target_name="is_the_digit",
        description=f"Handwritten digits; each task tells one digit from the others. {did}{divided}",
        source=source.origin,
        feature_scale=scale,
        files={file.name: file.content_sha256 for file in source.files},
    )


def _files(home: Path) -> tuple[Path, tuple[tuple[int, int], ...]]:
    """The data home with all files in it, and their sizes and times, by which a change of them is noticed."""
    for file in SOURCES["mnist"].files:
        if not (home / file.name).exists():
            require(file, home)
    status = [(home / file.name).stat() for file in SOURCES["mnist"].files]
    return home, tuple((each.st_size, each.st_mtime_ns) for each in status)


@lru_cache(maxsize=2)
def _images(
    home: Path,
    stamp: tuple[tuple[int, int], ...],  # noqa: ARG001
    n_components: int | None,
) -> tuple[tuple[AnyArray, IntArray], tuple[AnyArray, IntArray]]:
    """All images, (n, d), as grey values or projected, and their digits, (n,), to train on and to test on.

    They are read once for each state of the files (``stamp``), as a grid loads the set many times.
    """
    train, train_digits, test, test_digits = (
        _read_idx(read_file(file, home), file.name) for file in SOURCES["mnist"].files
    )
    for images, digits in ((train, train_digits), (test, test_digits)):
        if images.shape[1:] != (SIDE, SIDE) or digits.shape != images.shape[:1]:
            raise ValueError(f"MNIST: images of shape {images.shape} don't go with digits of shape {digits.shape}")
    train, test = (images.reshape(len(images), SIDE * SIDE) for images in (train, test))
    if n_components is not None:
        train, test = _project(train, test, n_components)
    found = (train, train_digits.astype(np.int64)), (test, test_digits.astype(np.int64))
    for array in (*found[0], *found[1]):
        array.setflags(write=False)
    return found


def _project(train: AnyArray, test: AnyArray, n_components: int) -> tuple[AnyArray, AnyArray]:
    """Principal components of the training images; one BLAS thread, as sums of several differ in the last bits."""
    with threadpool_limits(limits=1):
        pca = PCA(n_components, svd_solver="covariance_eigh")
        projected = pca.fit_transform(train.astype(np.float64))
        return projected, pca.transform(test.astype(np.float64))


def _read_idx(content: bytes, name: str) -> NDArray[np.uint8]:
    """Read an IDX file: two zero bytes, type, number of dimensions; the dimensions; the numbers."""
    n_dimensions = content[3] if len(content) >= 4 else 0
    start = 4 + 4 * n_dimensions
    if content[:3] != bytes([0, 0, UNSIGNED_BYTES]) or n_dimensions == 0 or len(content) < start:
        raise ValueError(f"{name} does not begin as an IDX file of unsigned bytes does, but with {content[:4].hex()}")
    shape = tuple(np.frombuffer(content, dtype=">u4", count=n_dimensions, offset=4).tolist())
    if len(content) != start + math.prod(shape):
        raise ValueError(f"{name} has {len(content) - start} numbers; its head announces the shape {shape}")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _one_vs_rest(
    images: AnyArray, digits: IntArray, n_positive: int, n_negative: int, generator: np.random.Generator
) -> LongTable:
    try:
        return one_vs_rest(images, digits, [n_positive] * 10, [n_negative] * 10, generator, range(10))
    except ValueError as error:
        raise ValueError(f"load_mnist: n_{str(error).replace('s:', ':', 1)}") from error
