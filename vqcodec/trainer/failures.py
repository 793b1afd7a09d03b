"""What ends a training run, in one line each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import VqzError

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


class TrainingError(VqzError):
    """A run cannot start, go on or be exported."""


class RecipeError(VqzError):
    """A recipe, or an override of one, is wrong."""


def what_is_kept(checkpoint: Path) -> str:
    """Say what a failed run leaves behind."""
    return f"{checkpoint} is intact" if checkpoint.is_file() else "there is no checkpoint yet"


@contextmanager
def telling_out_of_memory(checkpoint: Path) -> Iterator[None]:
    """Turn every library's way of running out of memory into a `TrainingError`."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        text = str(error).lower()
        if not isinstance(error, MemoryError) and not any(p in text for p in _OUT_OF_MEMORY):
            raise
        raise TrainingError(
            f"out of memory; {what_is_kept(checkpoint)}; try a smaller data.batch_size or "
            "data.patch, or run.gradient_checkpointing=true"
        ) from error
