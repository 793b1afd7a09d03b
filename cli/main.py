"""The ``vqz`` command: takes the commands together, and turns every ending into an exit code."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import click

from .. import __version__
from .batch import end_on_signal
from .compare import compare
from .compress import compress
from .console import complain
from .decompress import decompress
from .exits import Code, Terminated, explain
from .info import info
from .models import models
from .test import test


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="vqz %(version)s")
def vqz() -> None:
    """Compress 3D brain MRI to a fraction of a percent, and bring it back.

    Sources are kept, and nothing is overwritten without -f.

    Exit codes: 0 all done, 1 some files failed, 2 wrong usage, 65 bad data, 66 no input,
    69 model or device unavailable, 73 cannot create a file, 74 I/O error, 130 interrupted.
    """


for command in (compress, decompress, info, test, compare, models):
    vqz.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``vqz`` and return its exit code; never raises, prints one line for each error."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # replaced by something that is no text file
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        with _ends_on_sigterm():
            code = _run(arguments or ["--help"])
            sys.stdout.flush()
            return code
    except KeyboardInterrupt:
        complain("interrupted")
        return Code.INTERRUPTED
    except Terminated:
        return Code.TERMINATED
    except BrokenPipeError:
        _drop_stdout()
        return Code.IO
    except OSError as error:
        _drop_stdout()
        complain(f"standard output: {error.strerror or error}")
        return Code.IO


def _run(arguments: list[str]) -> int:
    try:
        with vqz.make_context("vqz", arguments) as context:
            return int(vqz.invoke(context) or Code.DONE)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        complain(_usage_line(error))
        return Code.USAGE
    except (OSError, KeyboardInterrupt):
        raise
    except Exception as error:
        if os.environ.get("VQZ_DEBUG") == "1":
            traceback.print_exc()
        code, message = explain(error)
        complain(message)
        return code


def _usage_line(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    message = error.format_message().rstrip(".")
    if context is None:
        return message
    name = context.command_path.removeprefix("vqz").strip()
    where = f"{name}: " if name else ""
    return f"{where}{message} (see '{context.command_path} --help')"


@contextmanager
def _ends_on_sigterm() -> Iterator[None]:
    """Leave through every ``finally`` when the process is told to end."""
    try:
        before = signal.signal(signal.SIGTERM, end_on_signal)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _drop_stdout() -> None:
    """Keep the interpreter from flushing, and complaining, once more at its end."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
