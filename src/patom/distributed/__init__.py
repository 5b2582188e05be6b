"""One fit past one machine: tasks spread over the workers of a dask cluster, rows and weights where they are.

Needs dask.distributed, an extra: install ``patom[dask]``.
"""

try:
    import distributed  # noqa: F401
except ModuleNotFoundError:
    raise ModuleNotFoundError("dask.distributed is not installed; install patom[dask] to use a cluster.") from None

from patom.distributed.fit import DistributedFit, fit_distributed
from patom.distributed.shards import Traffic

__all__ = ["DistributedFit", "Traffic", "fit_distributed"]
