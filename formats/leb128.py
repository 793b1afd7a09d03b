"""Unsigned integers in as few bytes as they need: LEB128, seven bits a byte, the lowest first."""

from __future__ import annotations

from ..errors import FormatError


def leb128(number: int, bits: int) -> bytes:
    """Bytes of a number.

    Raises
    ------
    ValueError
        The number is negative, or has more bits than its field.
    """
    if not 0 <= number < 1 << bits:
        raise ValueError(f"a number does not fit its field: {number}")
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def read_leb128(data: bytes, place: int, bits: int, where: str) -> tuple[int, int]:
    """Number at a place in ``data``, and the place behind it.

    Parameters
    ----------
    bits : int
        Of the field: a number of more is refused.
    where : str
        What the data are, for people.

    Raises
    ------
    FormatError
        If the data end within the number, it is too large, or it takes more bytes than it needs.
    """
    number = 0
    for shift in range(0, bits, 7):
        if place == len(data):
            raise FormatError(f"{where} ends within a number")
        group = data[place]
        place += 1
        number |= (group & 0x7F) << shift
        if group < 0x80:
            if shift and not group:
                raise FormatError(f"{where} has a number that is not in its shortest form")
            if number >> bits:
                break
            return number, place
    raise FormatError(f"{where} has a number that does not fit its field")
