"""The processes of other poisoners, each with an interpreter of its own in ``.venv-peers``."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

import numpy as np

from benchmarks.ridge import RidgeProblem

_ROOT = Path(__file__).parents[1]
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def _interpreter(package: str) -> Path:
    return _ROOT / ".venv-peers" / package / "bin" / "python"


def _environment(home: str) -> dict[str, str]:
    """One BLAS thread, and a home of its own: SecML writes settings there."""
    return os.environ | _ONE_THREAD | {"HOME": home}


class Driver:
    """A driver, such as ``benchmarks.ridge_driver``, at work for one peer, as long as the ``with`` block lasts."""

    def __init__(self, package: str, module: str = "ridge_driver") -> None:
        self._package, self._module = package, f"benchmarks.{module}"

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        self._log = (Path(self._folder.name) / "log").open("w+")
        self._process = subprocess.Popen(
            [_interpreter(self._package), "-m", self._module, self._package],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, cwd=_ROOT,
            env=_environment(self._folder.name),
        )  # fmt: skip
        try:
            self.version = self._answer("ready")
        except RuntimeError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # the end of its input is the end of it
        self._log.close()
        self._folder.cleanup()

    def run(self, problem: RidgeProblem, limit: int, *words: str) -> dict[str, Any]:
        """What the driver's ``run`` returns for the problem, a limit and, for some, more words."""
        source, target = (Path(self._folder.name) / name for name in ("problem.npz", "answer.npz"))
        problem.save(source)
        print(source, target, limit, *words, file=self._process.stdin, flush=True)
        self._answer("done")
        with np.load(target) as file:
            return dict(file)

    def _answer(self, expected: str) -> str:
        line = self._process.stdout.readline() if self._process.stdout else ""
        word, _, rest = line.strip().partition(" ")
        if word != expected:
            self._log.seek(0)
            raise RuntimeError(f"The driver of {self._package} stopped; its log ends: {self._log.read()[-2000:]}")
        return rest


def runs(package: str, module: str = "ridge_driver") -> bool:
    """Whether the peer is installed in its environment and loads there."""
    try:
        with Driver(package, module):
            return True
    except (OSError, RuntimeError):
        return False
