"""The identity of a model: one hash over everything that decoding depends on.

It covers the tensors as values (not the file that holds them), the configuration and, since
those are tensors like any other, the entropy tables. The definition is part of the file format
and never changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..formats.canonical_json import canonical_json

_DOMAIN = b"vqcodec model identity 1\0"


def identity_of(tensors: Mapping[str, np.ndarray], config: Mapping[str, Any]) -> str:
    """Hash a model's tensors and configuration.

    SHA-256 over the 25 bytes ``vqcodec model identity 1`` and a zero, the number of tensors, then
    for each tensor in the order of its name's UTF-8 bytes: the name, the little-endian NumPy type
    string (``<f2``, ``|u1``, ...), the number of axes, each length, and the elements in C order and
    little-endian; at the end the configuration as canonical JSON. Numbers are unsigned 64-bit
    little-endian, and every byte string is preceded by its length as such a number.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        Boolean, integer or floating-point arrays of any shape.
    config : mapping
        Whatever :func:`vqcodec.formats.canonical_json.canonical_json` can write.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    TypeError
        An array is of another kind.
    """
    digest = hashlib.sha256(_DOMAIN)
    digest.update(_number(len(tensors)))
    for name in sorted(tensors, key=lambda name: name.encode()):
        array = np.asarray(tensors[name])
        if array.dtype.kind not in "biuf":
            raise TypeError(f"tensor {name!r} is of type {array.dtype}, which has no identity")
        canonical = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(_text(name.encode()))
        digest.update(_text(canonical.dtype.str.encode()))
        digest.update(_number(array.ndim))
        for length in array.shape:
            digest.update(_number(length))
        digest.update(_text(canonical.tobytes()))
    digest.update(_text(canonical_json(dict(config))))
    return digest.hexdigest()


def _number(value: int) -> bytes:
    return value.to_bytes(8, "little")


def _text(data: bytes) -> bytes:
    return _number(len(data)) + data
