"""Weights that do not come with the package: fetched once into the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import ModelUnavailableError
from .index import ModelEntry
from .places import SEARCH_VARIABLE
from .weights import read_weights


def download_weights(entry: ModelEntry, target: Path) -> Path:
    """Download a model's weights to ``target``, which exists only once they proved right.

    Raises
    ------
    ModelUnavailableError
        The download failed, or brought something else than the model.
    """
    import pooch

    if entry.url is None:
        raise ModelUnavailableError(f"model {entry.id!r} has no address to download it from")
    remedy = f"or put {entry.weights} into a folder that {SEARCH_VARIABLE} names"
    partial = target.with_suffix(f".{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fetch = pooch.HTTPDownloader(timeout=30)
        fetch(entry.url, os.fspath(partial), None)
        found = read_weights(partial).sha256
        if found != entry.sha256:
            raise ModelUnavailableError(f"it has sha256 {found}, expected {entry.sha256}")
        os.replace(partial, target)
    except (OSError, ValueError, ModelUnavailableError) as error:
        raise ModelUnavailableError(
            f"model {entry.id!r}: download of {entry.url} failed ({error}): try again, {remedy}"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return target
