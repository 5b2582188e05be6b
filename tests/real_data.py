"""The data sets' real files, where this machine has them; nothing is fetched."""

import os
from pathlib import Path

import pytest

from patom.datasets import SOURCES

BESIDE = Path(__file__).parents[2] / "shared" / "data"


def home_with(*names):
    """Data home that holds the files ``names``; skips the test where there is none."""
    named = os.environ.get("PATOM_DATA_HOME")
    home = Path(named) if named else BESIDE
    missing = [name for name in names if not (home / name).exists()]
    if missing:
        pytest.skip(f"real data: {', '.join(missing)} not in {home}; set PATOM_DATA_HOME to a folder that has it")
    return home


def home_with_set(name):
    return home_with(*(file.name for file in SOURCES[name].files))
