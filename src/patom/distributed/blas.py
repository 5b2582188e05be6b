"""One BLAS thread within a block that several threads of a process may be in at once."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

from patom.models import threads

_lock, _limits, _inside = Lock(), ExitStack(), 0


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """As ``models.threads.one_blas_thread``; the first to come in sets the limit and the last to leave lifts it."""
    global _inside  # noqa: PLW0603  (of the process, as the limit is)
    with _lock:
        if _inside == 0:
            _limits.enter_context(threads.one_blas_thread())
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _limits.close()
