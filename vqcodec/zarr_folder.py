"""Zarr groups that appear whole; zarr is imported only when one is written."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import VqzError


@contextmanager
def zarr_folder(output: Path, overwrite: bool) -> Iterator[Any]:
    """A new Zarr group (format 3), which has its name when the block ends.

    Raises
    ------
    VqzError
        zarr is not installed.
    FileExistsError
        ``output`` exists, and ``overwrite`` is false or it is no Zarr group.
    OSError
    """
    try:
        import zarr
    except ImportError as error:
        raise VqzError("writing .zarr needs zarr: python -m pip install 'vqcodec[zarr]'") from error
    if os.path.lexists(output) and not (overwrite and (output / "zarr.json").is_file()):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(output))
    temporary = output.with_name(f".vqz-{os.urandom(8).hex()}.tmp")
    try:
        yield zarr.open_group(temporary, mode="w-", zarr_format=3)
        if os.path.lexists(output):
            old = output.with_name(f".vqz-{os.urandom(8).hex()}.tmp")
            os.rename(output, old)
            os.rename(temporary, output)
            shutil.rmtree(old)
        else:
            os.rename(temporary, output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
