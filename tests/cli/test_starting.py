"""What the command costs to start."""

import os
import subprocess
import sys

import pytest

from patom import __version__

HEAVY = ("pandas", "matplotlib", "sklearn", "scipy", "numba", "numpy", "pyarrow", "joblib", "jinja2", "dask")


def imported(code):
    """Names of the modules that some code loads."""
    code = f"import sys\ntry:\n    {code}\nfinally:\n    print('\\n' + ' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_patom_imports_no_more_than_it_needs():
    modules = imported("import patom")
    assert not modules & {"pandas", "matplotlib", "typer", "dask", "sklearn", "rich", "jinja2"}
    modules = imported("from patom import MTRLRegressor, PATOM")
    assert "sklearn" in modules  # which imports pandas by itself where it is installed
    assert not modules & {"matplotlib", "typer", "dask", "jinja2"}


@pytest.mark.parametrize("arguments", [["--help"], ["audit", "--help"], []])
def test_help_imports_nothing_heavy(arguments):
    code = f"sys.argv = ['patom', *{arguments}]; from patom.cli import main; main()"
    assert not imported(code) & set(HEAVY)


def test_help_and_version(run):
    for arguments in (["--help"], []):
        status, out, err = run(*arguments)
        assert (status, err) == (0, "")
        assert "audit" in out
    assert run("--version") == (0, f"patom {__version__}\n", "")
    status, out, _ = run("audit", "--help")
    assert status == 0
    assert "--fail-above" in out


def test_the_package_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "patom", "--version"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"patom {__version__}\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["audit"], ["run", "fig1"]], ids=["audit", "run"])
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system binds no process to cores")
def test_no_more_processes_than_cores_that_it_may_use(arguments, tmp_path):
    """As under ``taskset -c 0``, or in a container with a limit."""
    code = """
import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import patom.audit, patom.paper
def told(*_, n_jobs, **__):
    raise ValueError(f"n_jobs is {n_jobs}.")
patom.audit.run_audit = patom.paper.run_grid = told
os.cpu_count = lambda: 8
from patom.cli import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--out", str(tmp_path / "out")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, "patom: n_jobs is 1.\n")
