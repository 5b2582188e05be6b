"""What the command costs to start."""

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
