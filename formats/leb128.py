"""Unsigned integers in as few bytes as they need: LEB128, seven bits a byte, the lowest first."""

from __future__ import annotations

from ..errors import FormatError


def leb128(number: int) -> bytes:
    """Bytes of a number that is not negative."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_leb128(data: bytes, start: int, bits: int) -> tuple[int, int]:
    """Number at a place in ``data``, and the place behind it.

    Parameters
    ----------
    bits : int
        A number of more bits is refused.

    Raises
    ------
    FormatError
        If the data end within the number, it is too large, or it takes more bytes than it needs.
    """
    number = shift = 0
    for place in range(start, len(data)):
        byte = data[place]
        number |= (byte & 0x7F) << shift
        if number >> bits or (shift and not byte):
            break
        if byte < 0x80:
            return number, place + 1
        shift += 7
        if shift >= bits:
            break
    raise FormatError("a number of variable length is cut short, too large or too long")
