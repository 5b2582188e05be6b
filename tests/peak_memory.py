"""What a piece of work takes at its peak, measured in a process of its own."""

import subprocess
import sys

_CHILD = """
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))

{before}
start = peak()
{work}
print(peak() - start)
"""


def peak_of(work: str, *, before: str = "") -> int:
    """Bytes by which the resident memory rose; ``before`` imports and compiles, outside of the measurement."""
    code = _CHILD.format(before=before, work=work)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(run.stdout.split()[-1])
