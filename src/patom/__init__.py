"""PATOM: how badly could somebody hurt your multi-task model by feeding it data.

Multi-task relationship learning, data poisoning attacks on it, and an audit built from both.
"""

import lazy_loader

from patom.moved import know_old_places

__version__ = "0.2.0"

# Names load on first use: scikit-learn and numba take a second to import, `patom --help` should not. The stub beside
# this file lists the names with their modules.
__getattr__, _, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


know_old_places()
