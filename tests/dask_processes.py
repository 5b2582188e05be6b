"""A dask cluster whose scheduler and workers are processes of their own, which a test may kill or stop."""

import os
import subprocess
import sys
import time
from pathlib import Path

from distributed import Client, Security

HERE = str(Path(__file__).parent)  # where scheduler and workers find what the tests share


class Processes:
    """A scheduler on the loopback interface and so many workers of one thread, without nannies."""

    def __init__(self, folder, workers=2, *, options=(), protocol="tcp", **environment):
        self.environment = os.environ | {"PYTHONPATH": HERE} | environment
        self.file, self.options = folder / "scheduler.json", [*map(str, options)]
        self.scheduler = self._start("dask_scheduler", "--host", f"{protocol}://127.0.0.1", "--port", "0")
        self.workers = [self._start("dask_worker", "--nthreads", "1", "--no-nanny") for _ in range(workers)]

    def _start(self, program, *arguments):
        command = [sys.executable, "-m", f"distributed.cli.{program}", *arguments, *self.options]
        return subprocess.Popen(
            [*command, "--scheduler-file", str(self.file), "--no-dashboard"],
            env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def client(self, security: Security | None = None):
        """A client, once all workers are there."""
        until = time.monotonic() + 60.0
        while not (self.file.exists() and self.file.stat().st_size):
            assert time.monotonic() < until
            time.sleep(0.05)
        connected = Client(scheduler_file=str(self.file), security=security, timeout=30.0)
        connected.wait_for_workers(len(self.workers), timeout=60.0)
        return connected

    def kill_workers(self):
        for each in self.workers:
            each.kill()
            each.wait()

    def end(self):
        for each in (*self.workers, self.scheduler):
            each.kill()  # also where it was stopped
            each.wait()
