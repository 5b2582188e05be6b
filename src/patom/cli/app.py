"""The application: what all commands share, and how each of them ends."""

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, NoReturn

import typer

import patom
from patom.cli.streams import prepare, say, tell, tell_all

app = typer.Typer(
    name="patom",
    help="How badly could somebody hurt your multi-task model by feeding it data?",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # or "[default: ...]" in a help text would be taken for markup
)

EXIT_FAIL, EXIT_BAD_INPUT, EXIT_CANNOT_SAY, EXIT_FAULT = 1, 2, 3, 70
STOPPING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals that ask to stop: Ctrl-C, the system's word, a terminal that was closed."""
UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # click's, wherever Typer keeps it


def main() -> None:
    """Entry point.

    One sentence and status 2 for bad input, 70 for a fault of the program, which never has a gate's status 1, 128 and
    the signal's number where one asked to stop.
    """
    prepare()
    _stopped.clear()
    for number in STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _stop)
    try:
        with when_interrupted(Stopped.sentence):
            status = app(standalone_mode=False)
    except UsageError as error:
        refuse(error.format_message())  # type: ignore[attr-defined]
    except OSError as error:
        refuse(_said(error))
    except (ValueError, ModuleNotFoundError) as error:
        refuse(str(error))
    except MemoryError:
        refuse("The memory does not suffice: fewer --jobs, fewer rows or smaller budgets need less.")
    except Stopped as stopped:
        tell(f"interrupted; {stopped.sentence}")
        raise
    except Exception:
        tell_all(traceback.format_exc())
        tell("this is a fault of patom, not of what it was given; please report it with the lines above.")
        sys.exit(EXIT_FAULT)
    sys.exit(status)


def refuse(sentence: str) -> NoReturn:
    """Print one line on standard error and exit with status 2."""
    tell(sentence)
    sys.exit(EXIT_BAD_INPUT)


def _said(error: OSError) -> str:
    """What the system says of a path, without its number; or the sentence that the error is."""
    if error.errno is None or error.strerror is None or error.filename is None:
        return str(error)
    return f"'{os.fsdecode(error.filename)}' cannot be used: {error.strerror[:1].lower()}{error.strerror[1:]}."


class Stopped(SystemExit):
    """A signal asked to stop; its status is 128 and the signal's number."""

    sentence = "nothing was written."


_stopped: list[Stopped] = []  # the first, and whatever was under way may have turned it into an error of its own


@contextmanager
def when_interrupted(sentence: str) -> Iterator[None]:
    """Say ``sentence`` of what is left behind, should a signal end what is inside."""
    try:
        yield
    except (Stopped, Exception) as error:
        if not _stopped:
            raise
        stopped = _stopped[0]
        if stopped.sentence is Stopped.sentence:
            stopped.sentence = sentence
        raise stopped from (None if error is stopped else error)


def _stop(number: int, _: FrameType | None) -> NoReturn:
    """Unwind what is under way, so that no worker and no half-written file stays behind."""
    for each in STOPPING:
        signal.signal(each, signal.SIG_IGN)  # a second one would disturb the cleaning up
    _stopped.append(Stopped(128 + number))
    raise _stopped[0]


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        say([f"patom {patom.__version__}"])
        raise typer.Exit
    if context.invoked_subcommand is None:
        say(context.get_help().splitlines())
