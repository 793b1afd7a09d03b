"""The entry point: turns every ending into an exit code and, at most, one line.

It imports the commands only when it is ready for Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from .exits import Code, Terminated, end_on_signal, explain


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``vqz`` and return its exit code; never raises, prints one line for each error."""
    # Beside other busy programs OpenMP's threads, where they wait by spinning, take several times
    # as long. To be set before torch is loaded; what the user has set stays.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with _ends_on_sigterm():
            for stream in (sys.stdout, sys.stderr):
                with suppress(AttributeError):  # replaced by something that is no text file
                    stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
            code = _run(list(sys.argv[1:] if arguments is None else arguments) or ["--help"])
            sys.stdout.flush()
            return code
    except KeyboardInterrupt:
        return _end("interrupted", Code.INTERRUPTED)
    except Terminated:
        return Code.TERMINATED
    except BrokenPipeError:
        _drop_stdout()
        return Code.IO
    except OSError as error:
        _drop_stdout()
        return _end(f"standard output: {error.strerror or error}", Code.IO)


def entry() -> int:
    """Run ``vqz`` as a process of its own: what comes after :func:`main` is not interrupted.

    By then the results are written; the interpreter hands Ctrl-C back to the system while it
    ends, and that would report a finished command as killed.
    """
    code = main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return code


def _run(arguments: list[str]) -> int:
    try:
        from .group import run

        return run(arguments)
    except OSError:
        raise
    except Exception as error:
        if os.environ.get("VQZ_DEBUG") == "1":
            import traceback

            traceback.print_exc()
        code, message = explain(error)
        return _end(message, code)


def _end(message: str, code: Code) -> Code:
    from .console import complain

    complain(message)
    return code


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
