"""Names of the members of an archive: relative paths that stay below a folder, on any system."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

from ..errors import FormatError
from ..limits import DEFAULT_LIMITS

_ON_WINDOWS_NOT = frozenset('<>:"|?*')


def check_name(name: str, error: Callable[[str], Exception] = FormatError) -> None:
    """Refuse a name that is not a plain relative path with ``/`` between its parts.

    Parameters
    ----------
    name : str
    error : callable
        What to raise, given the message.

    Raises
    ------
    FormatError
        Or what ``error`` makes.
    """
    fault = _fault_of(name)
    if fault:
        raise error(f"{name!r} cannot be the name of a member: {fault}")


def weights_name(sha256: str) -> str:
    """Member that holds the weights of an identity."""
    return f"{sha256}.safetensors"


def entry_name(sha256: str) -> str:
    """Member that says what is known of the model of an identity."""
    return f"{sha256}.json"


def are_plain(names: Sequence[str]) -> bool:
    """Whether none of many names has a fault; quick, and silent about which one has.

    Lengths aside, which the width of a table bounds.
    """
    text = "".join(f"/{name}/\0" for name in names)
    faults = ("//", "/./", "/../", "\\")
    return text.count("\0") == len(names) and not any(fault in text for fault in faults)


def _fault_of(name: str) -> str:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "it is no text in UTF-8"
    if not 0 < size <= DEFAULT_LIMITS.name_bytes:
        return f"it has {size} bytes, not 1 to {DEFAULT_LIMITS.name_bytes}"
    for character, what in (("\0", "a zero byte"), ("\\", "a backslash")):
        if character in name:
            return f"it holds {what}"
    if name.startswith("/"):
        return "it is an absolute path"
    parts = name.split("/")
    if "" in parts:
        return "a part of the path is empty"
    if "." in parts or ".." in parts:
        return "a part of the path is '.' or '..'"
    return ""


def name_of(path: PurePath) -> str:
    """The member name of a relative path.

    Raises
    ------
    ValueError
        The path cannot be one.
    """
    name = path.as_posix()
    check_name(name, ValueError)
    return name


def path_below(folder: Path, name: str) -> Path:
    """Where a member is extracted to.

    Raises
    ------
    FormatError
        It would leave the folder, also by way of a link that is there, or this system has no
        such file name.
    """
    check_name(name)
    if os.name == "nt":
        _check_on_windows(name)
    target = folder.joinpath(*name.split("/"))
    inside, real = os.path.realpath(folder), os.path.realpath(target)
    if os.path.commonpath((inside, real)) != inside:
        raise FormatError(f"{name!r} would be written outside of {folder}, through a link")
    return target


def _check_on_windows(name: str) -> None:
    for part in name.split("/"):
        odd = any(c in _ON_WINDOWS_NOT or ord(c) < 32 for c in part) or part[-1] in ". "
        if odd or _is_device(part):
            raise FormatError(f"{name!r} is no file name on Windows")


def _is_device(part: str) -> bool:
    stem = part.partition(".")[0].rstrip().upper()
    numbered = stem[:3] in ("COM", "LPT") and stem[3:] in tuple("0123456789¹²³")
    return numbered or stem in ("CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$")
