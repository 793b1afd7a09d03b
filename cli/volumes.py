"""The volume in a file, whatever kind of file it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .interrupts import deferred_signals
from .names import is_vqz

if TYPE_CHECKING:
    from ..formats.volumes import Volume


def volume_of(path: Path, device: str) -> Volume:
    """Read a volume, or decode a VQZ file."""
    if not is_vqz(path):
        from ..formats.volumes import read_volume

        return read_volume(path)
    with deferred_signals():
        from ..codec import decode_volume
    from ..vqz import VQZ

    return decode_volume(VQZ.open(path), device=device)
