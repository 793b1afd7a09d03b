"""JSON texts with one form for each value; see VQZ.md, section 4.1. Standard library only."""

from __future__ import annotations

import json
import math
from typing import Any

from ..errors import FormatError

JSON_DEPTH = 16


def _check_json(value: object, depth: int = 0) -> None:
    if isinstance(value, dict | list | tuple):
        if depth == JSON_DEPTH:
            raise ValueError(f"it nests deeper than {JSON_DEPTH} levels")
        if isinstance(value, dict):
            if not all(isinstance(key, str) for key in value):
                raise ValueError("a key is not text")
            value = [*value.keys(), *value.values()]
        for item in value:
            _check_json(item, depth + 1)
    elif isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("a text holds half of a surrogate pair")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number is not finite")
    elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise ValueError("an integer does not fit 64 bits")


def canonical_json(obj: object) -> bytes:
    """Return the one JSON text that VQZ.md allows for ``obj``, in ASCII.

    Raises
    ------
    ValueError
        A number that is not finite or an integer beyond 64 bits, half of a surrogate pair,
        a key that is not text, or more than 16 levels of nesting.
    TypeError
        A value that JSON does not have.
    """
    _check_json(obj)
    return json.dumps(obj, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _parse_int(digits: str) -> int:
    if len(digits) > 20:
        raise ValueError("an integer does not fit 64 bits")
    return int(digits)


def parse_canonical_json(data: bytes, name: str) -> Any:
    """Return the value of a canonical JSON text; FormatError, naming ``name``, if it is not one."""
    try:
        value = json.loads(data.decode("ascii"), parse_int=_parse_int)
        if canonical_json(value) == data:
            return value
        reason = "not in the canonical form"
    except (UnicodeDecodeError, json.JSONDecodeError):
        reason = "not a JSON text in ASCII"
    except RecursionError:
        reason = f"it nests deeper than {JSON_DEPTH} levels"
    except ValueError as error:
        reason = str(error)
    raise FormatError(f"{name} is not canonical JSON: {reason}")
