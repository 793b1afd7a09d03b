"""The first bytes of a VQZ file: magic, version, features, and how much follows. See VQZ.md."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO, NamedTuple

from ..errors import FormatError, LimitExceededError, UnsupportedError
from ..limits import Limits
from .checked_bytes import CHECKSUM_BYTES, read_sealed, read_up_to, sealed
from .sections import TABLE_ROW_BYTES

MAGIC = b"\x89VQZ\r\n\x1a\n"
FORMAT_VERSION = (1, 0)
#: Incompatible feature bit 1: voxels are those of the residual sections, not of the codes.
EXACT_FEATURE = 1 << 1
#: Incompatible feature bit 2: some frame has background inside of its coded region.
HOLES_FEATURE = 1 << 2
#: Incompatible feature bit 3: header, section table and figures are packed.
PACKED_FEATURE = 1 << 3
KNOWN_INCOMPATIBLE = EXACT_FEATURE | HOLES_FEATURE | PACKED_FEATURE

_FIELDS = struct.Struct("<8sHHIIIIQ")
PREAMBLE_BYTES = _FIELDS.size + CHECKSUM_BYTES


class Preamble(NamedTuple):
    """Fields of the preamble; sizes are in bytes."""

    magic: bytes
    major: int
    minor: int
    incompatible: int
    compatible: int
    header_length: int
    section_count: int
    file_size: int

    @property
    def prefix_length(self) -> int:
        """Bytes before the first section."""
        length = PREAMBLE_BYTES + self.header_length + CHECKSUM_BYTES
        if is_packed(self.incompatible):
            return length
        return length + self.section_count * TABLE_ROW_BYTES + CHECKSUM_BYTES


def is_packed(incompatible: int) -> bool:
    """Whether a file with these incompatible features is in the packed form."""
    return bool(incompatible & PACKED_FEATURE)


def check_preamble(preamble: Preamble, limits: Limits) -> None:
    """Check every field but the magic.

    Raises
    ------
    FormatError
        The file is smaller than what the fields ask for.
    UnsupportedError
        A version or a feature is unknown.
    LimitExceededError
        A size is beyond the limits.
    """
    if preamble.major != FORMAT_VERSION[0]:
        raise UnsupportedError(
            f"format version {preamble.major}.{preamble.minor} is unknown"
            f" (this vqcodec reads {FORMAT_VERSION[0]}.x)"
        )
    unknown = preamble.incompatible & ~KNOWN_INCOMPATIBLE
    if unknown:
        bits = ", ".join(str(bit) for bit in range(32) if unknown >> bit & 1)
        raise UnsupportedError(f"file needs feature bit {bits}, unknown to this vqcodec")
    for found, limit, what in (
        (preamble.header_length, limits.header_bytes, "header bytes"),
        (preamble.section_count, limits.sections, "sections"),
    ):
        if found > limit:
            raise LimitExceededError(f"file claims {found} {what}, more than the limit of {limit}")
    if preamble.file_size < preamble.prefix_length:
        raise FormatError("file size in the preamble is less than the header and table need")


def pack_preamble(preamble: Preamble) -> bytes:
    """Return the preamble's bytes, checksum included; ValueError where a number does not fit."""
    try:
        return sealed(_FIELDS.pack(*preamble))
    except struct.error as error:
        raise ValueError(f"a number does not fit its field: {error}") from None


def read_preamble(stream: BinaryIO, limits: Limits) -> Preamble:
    """Read and check the preamble of a file.

    Raises
    ------
    FormatError
        Not a VQZ file, or a damaged one.
    UnsupportedError, LimitExceededError
        As `check_preamble`.
    """
    data = read_up_to(stream, PREAMBLE_BYTES)
    if not data:
        raise FormatError("file is empty")
    if not data.startswith(MAGIC[: len(data)]):
        if data.startswith(MAGIC[:4]):
            raise FormatError("first bytes are damaged, as by a transfer in text mode")
        raise FormatError("not a VQZ file")
    fixed = read_sealed(io.BytesIO(data), _FIELDS.size, "the preamble")
    preamble = Preamble(*_FIELDS.unpack(fixed))
    check_preamble(preamble, limits)
    return preamble
