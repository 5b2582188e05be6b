"""The package as it was at an earlier commit, in a process of its own: what its ``ProjectedAscent`` reaches, and when.

``python -m benchmarks.tiny_old`` is that process: a line of settings in, a line of the outcome out. The earlier sources
come from the repository, and lie in ``.venv-peers``; its compiled code is cached there.
"""

import json
import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Self

from benchmarks.tiny_problems import Outcome, Tiny, attacked

COMMIT = "008397c5ddf64f07f9cf1936010997fb9caf3663"
"""Before the ascent was compared with the best known attacks."""
_ROOT = Path(__file__).parents[1]


class OldPackage:
    """The earlier package at work, as long as the ``with`` block lasts; a RuntimeError where it cannot be had."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.tiny_old"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=_ROOT, env=os.environ | {"PYTHONPATH": str(sources())},
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # the end of its input is the end of it

    def attacked(self, problem: Tiny) -> Outcome:
        """As ``tiny_problems.attacked`` with its own ``ProjectedAscent``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(problem.key), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"The package of commit {COMMIT[:12]} stopped at {problem}.")
        return Outcome(**json.loads(answer))


def sources() -> Path:
    """The folder that holds the earlier ``patom``, taken from the repository the first time."""
    folder = _ROOT / ".venv-peers" / f"patom-{COMMIT[:12]}"
    if not folder.exists():
        command = ["git", "-C", str(_ROOT), "archive", COMMIT, "src/patom"]
        packed = subprocess.run(command, capture_output=True, check=False)
        if packed.returncode:
            raise RuntimeError(f"The repository has no commit {COMMIT[:12]}: {packed.stderr.decode().strip()}")
        with tarfile.open(fileobj=BytesIO(packed.stdout)) as tar:
            tar.extractall(folder, filter="data")
    return folder / "src"


def main() -> None:
    from patom import ProjectedAscent

    for line in sys.stdin:
        problem = Tiny(*json.loads(line))
        outcome = attacked(problem, ProjectedAscent(optimise_labels=problem.labels == "moved"))
        print(json.dumps(vars(outcome)), flush=True)


if __name__ == "__main__":
    main()
