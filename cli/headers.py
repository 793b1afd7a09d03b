"""What the header of a VQZ file says of the volume in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

from ..errors import FormatError


@dataclass(frozen=True)
class VolumeHeader:
    """Shape, stored type, format id and file name suffix of the volume in a VQZ file."""

    shape: tuple[int, ...]
    dtype: str
    format: str
    suffix: str


def volume_header(stream: BinaryIO) -> VolumeHeader:
    """Read the start of a VQZ file, no further than its section table.

    Raises
    ------
    VqzError
        It is no sound VQZ file, or is of a kind that is unknown here.
    """
    import numpy as np

    from ..formats.container import read_prefix
    from ..formats.known import fits, format_of

    volume: dict[str, Any] = read_prefix(stream).header.get("volume", {})
    try:
        header = VolumeHeader(
            shape=tuple(int(n) for n in volume["shape"]),
            dtype=np.dtype(volume["dtype"]).name,
            format=str(volume["format"]),
            suffix=str(volume["suffix"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError("header does not describe the volume") from error
    if not fits(format_of(header.format), header.suffix):
        raise FormatError(f"header names the suffix {header.suffix!r}, which no volume has")
    return header
