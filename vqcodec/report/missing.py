"""Libraries that only reports need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import VqzError


def needed(name: str) -> Any:
    """Import a module of the ``report`` extra.

    Raises
    ------
    VqzError
        It is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        library = name.partition(".")[0].replace("PIL", "Pillow")
        raise VqzError(
            f"reports need {library}, which is not installed: pip install 'vqcodec[report]'"
        ) from error
