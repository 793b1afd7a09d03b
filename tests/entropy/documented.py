"""What may escape from a reader of any bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vqcodec.errors import FormatError, VqzError


@contextmanager
def documented_errors(
    kinds: type[VqzError] | tuple[type[VqzError], ...] = FormatError,
) -> Iterator[None]:
    """Let the block fail with one of these errors, if its text is one line."""
    try:
        yield
    except kinds as error:
        if not str(error).isprintable():
            raise
