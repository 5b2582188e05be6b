"""What is raised when a partition fails on a worker: the error says which partition it was."""

from collections.abc import Mapping

from distributed import Future, KilledWorker


def refuse_failed(asked: Mapping[int, Future | None]) -> None:
    """Raise the error of the first partition whose request failed, if there is one."""
    for k, future in asked.items():
        if future is not None and future.status == "error":
            raise _named(k, future.exception())


def died(k: int, workers: int) -> ChildProcessError:
    """The error for a partition that cost so many workers in turn."""
    return ChildProcessError(
        f"Partition {k}: {workers} workers in turn were ended from outside while they held it, as happens when memory "
        "runs out; smaller partitions, or workers with more memory, help."
    )


def _named(k: int, error: BaseException) -> BaseException:
    """The error with its partition: in its sentence where it is about the rows, otherwise in a note below it."""
    if isinstance(error, KilledWorker):
        return died(k, error.allowed_failures + 1)
    if type(error) in (ValueError, TypeError, ChildProcessError):
        told: BaseException = type(error)(f"Partition {k}: {error}")
        told.__cause__ = error
        return told
    error.add_note(f"Raised for partition {k} of fit_distributed.")
    return error
