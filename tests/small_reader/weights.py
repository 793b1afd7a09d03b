"""Section 12 of the specification: the tensors of a model, and its identity."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import numpy as np

from .container import canonical

TYPES = {
    "I8": "|i1",
    "U8": "|u1",
    "I16": "<i2",
    "U16": "<u2",
    "I32": "<i4",
    "U32": "<u4",
    "I64": "<i8",
    "U64": "<u8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
}


def number(value: int) -> bytes:
    return struct.pack("<Q", value)


def text(content: bytes) -> bytes:
    return number(len(content)) + content


def read_weights(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """Tensors by name, integers as int64, and the identity."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    members = json.loads(data[8 : 8 + length])
    config = json.loads(members.pop("__metadata__")["config"])
    digest = hashlib.sha256(b"vqcodec model identity 1\0" + number(len(members)))
    tensors = {}
    for name in sorted(members, key=str.encode):
        kind, shape = TYPES[members[name]["dtype"]], members[name]["shape"]
        begin, end = members[name]["data_offsets"]
        content = data[8 + length + begin : 8 + length + end]
        digest.update(text(name.encode()) + text(kind.encode()) + number(len(shape)))
        digest.update(b"".join(map(number, shape)) + text(content))
        array = np.frombuffer(content, kind).reshape(shape)
        tensors[name] = array if "f" in kind else array.astype(np.int64)
    digest.update(text(canonical(config)))
    return tensors, digest.hexdigest()
