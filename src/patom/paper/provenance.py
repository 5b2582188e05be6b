"""Where results come from: versions, commit, data, seeds."""

import platform
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import patom

PACKAGES = ("numpy", "scipy", "numba", "scikit-learn", "threadpoolctl")
"""Those whose versions could change a number."""


def versions() -> dict[str, str]:
    """Versions of what computes.

    >>> sorted(versions())[:3]
    ['numba', 'numpy', 'patom']
    """
    return {"patom": patom.__version__, "python": platform.python_version()} | {
        name: version(name) for name in PACKAGES
    }


def commit() -> str | None:
    """Commit of the source tree this code runs from, with "-dirty" if files changed since; None outside of one."""
    here = Path(__file__)
    with suppress(OSError, subprocess.CalledProcessError):
        _git(here, "ls-files", "--error-unmatch", here.name)  # a virtual environment may lie in somebody's repository
        return _git(here, "describe", "--always", "--dirty", "--abbrev=12", "--match=")
    return None


def about(files: Mapping[str, str], notes: Iterable[str], seeds: int, title: str, at: str | None) -> dict[str, Any]:
    """What the results depend on; the same for the same results."""
    return {
        "title": title, "seeds": list(range(seeds)), "versions": versions(), "commit": at,
        "files": dict(sorted(files.items())), "notes": list(notes),
    }  # fmt: skip


def _git(file: Path, *arguments: str) -> str:
    command = ["git", "-C", str(file.parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
