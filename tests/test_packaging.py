"""What is declared and shipped: versions that are known to fail are refused, and the source archive is whole."""

import os
import re
import tarfile
import tomllib
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from packaging.requirements import Requirement

from patom.folder import OutputFolder

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DECLARED = [Requirement(line) for line in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dask"])]
FAILING = {
    "dask": ("2026.1.0", "scripts in the dashboard, CVE-2026-23528"),
    "filelock": ("3.20.0", "a link in the place of the lock empties its target, CVE-2025-68146"),
    "jinja2": ("3.1.5", "ways out of the sandbox, CVE-2025-27516"),
    "joblib": ("1.4.2", "workers cannot be told when to leave"),
    "pyarrow": ("20.0.0", "no string_view in Parquet"),
    "requests": ("2.32.3", "passwords go to another host, CVE-2024-47081"),
    "rich": ("14.2.0", "an empty line on standard error where there is no terminal"),
    "typer": ("0.15.3", "no help with click 8.2"),
}


@pytest.mark.parametrize("name", FAILING)
def test_versions_that_are_known_to_fail_are_refused(name):
    (bound,) = [each for each in DECLARED if each.name == name]
    assert not bound.specifier.contains(FAILING[name][0])


def test_every_dependency_has_a_lower_bound():
    for each in DECLARED:
        assert [one.operator for one in each.specifier] == [">="], each


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links need a privilege there")
def test_a_link_in_the_place_of_the_lock_keeps_its_target(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".patom.lock").symlink_to(tmp_path / "precious")
    with (
        pytest.raises(OSError, match=r"^The output folder .*out cannot be written: "),
        OutputFolder(tmp_path / "out", "audit", ["report.json"]),
    ):
        pass
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """Files of the source archive, without its first folder."""
    (archive,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("sdist")))
    with tarfile.open(archive) as opened:
        return {name.partition("/")[2] for name in opened.getnames()}


@pytest.mark.parametrize("folder", ["src", "tests", "docs", "benchmarks", "evidence"])
def test_the_source_archive_holds_what_its_tests_read(shipped, folder):
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file()}
    kept = {path for path in ours if "__pycache__" not in path and not path.endswith((".pyc", "results.json"))}
    assert len(kept) > 3
    assert kept <= shipped


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_source_archive_holds_what_its_pages_link_to(shipped, page):
    links = re.findall(r"\]\(([\w./-]+)\)", (ROOT / page).read_text())
    assert {page, "Makefile", "LICENSE", "CHANGELOG.md", "pyproject.toml"} | set(links) <= shipped
