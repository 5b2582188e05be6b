"""The table of what is fetched from where, and the fields that data sets got with it."""

import re

import numpy as np
import pytest
from real_data import home_with

from patom.datasets import SOURCES, Dataset, FileState, LongTable, verify

FILES = [file for source in SOURCES.values() for file in source.files]


def test_every_file_says_what_is_needed_to_fetch_and_check_it():
    assert list(SOURCES) == ["landmine", "sarcos", "mnist"]
    assert len({file.name for file in FILES}) == len(FILES) == 7
    for name, source in SOURCES.items():
        assert source.name == name
        assert source.terms.endswith(".")
        assert source.size == sum(file.size for file in source.files)
    for file in FILES:
        assert re.fullmatch(r"https://\S+", file.url)
        assert file.url.endswith("/" + file.name.rpartition("/")[2])
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.name.endswith(".gz") == (file.unpacked_sha256 is not None)
        assert re.fullmatch("[0-9a-f]{64}", file.content_sha256)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_real_files_have_the_checksums_and_sizes(file):
    home = home_with(file.name)
    source = next(source for source in SOURCES.values() if file in source.files)
    assert verify(source, home)[file.name] is FileState.RIGHT
    if file.unpacked_sha256 is None:
        assert (home / file.name).stat().st_size == file.size


def make(**more):
    rows = LongTable(np.zeros((2, 3)), np.zeros(2), np.array([0, 1]))
    return Dataset("three", "regression", rows, rows, ("a", "b", "c"), "user", "spend", "Nothing.", **more)


def test_files_and_weights_are_optional():
    assert make().files == {}
    assert make().weights is None
    assert make(weights=np.zeros((2, 4))).weights.shape == (2, 4)


@pytest.mark.parametrize("shape", [(2, 3), (4,), (2, 4, 1)])
def test_weights_of_another_width_are_refused(shape):
    with pytest.raises(ValueError, match=r"Dataset 'three': weights have shape .* \(tasks, 3 \+ 1\)"):
        make(weights=np.zeros(shape))
