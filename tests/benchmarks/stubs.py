"""Stand-ins: a scan without a file, a peer without a library, a codec without a model."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from benchmarks.peers import Array, Peer
from benchmarks.rate_distortion import Codec
from benchmarks.scans import Scan


def made_scan(name: str = "oasis_1", shape: tuple[int, int, int] = (24, 26, 22)) -> Scan:
    """A ball of smooth tissue on exact zero."""
    places = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij")
    radius = np.sqrt(sum(place**2 for place in places))
    values = np.where(radius < 0.8, 0.6 + 0.3 * np.cos(7 * places[0]), 0).astype(np.float32)
    return Scan(name, name.partition("_")[0], False, values, values > 0)


def rounded(values: Array, levels: int) -> Array:
    """Values on a grid of ``levels`` steps to one."""
    return (np.rint(values * levels) / levels).astype(np.float32)


def stub_peer(
    name: str = "stub",
    settings: tuple[float, ...] = (2, 4, 8, 16, 32),
    axes: tuple[int, ...] = (0,),
    software: str = "stub 1",
    missing: str | None = None,
    seen: list[tuple[float, int]] | None = None,
) -> Peer:
    """A peer that rounds to ``setting`` levels and writes ``20 * setting + axis`` bytes."""

    def encode(values: Array, setting: float, axis: int) -> bytes:
        if seen is not None:
            seen.append((setting, axis))
        return struct.pack("<I", int(setting)) + bytes(20 * int(setting) + axis - 4)

    def decode(data: bytes, shape: tuple[int, ...], axis: int) -> Array:
        (levels,) = struct.unpack_from("<I", data)
        return rounded(made_scan(shape=(shape[0], shape[1], shape[2])).values, levels)

    return Peer(name, encode, decode, settings, axes, lambda: software, lambda: missing)


def stub_codec(percent_of: Callable[[float | None], float], levels: int = 64) -> Codec:
    """A codec whose file has exactly the asked size and whose error is that of ``levels``."""
    kept: dict[bytes, Array] = {}

    def encode(values: Array, percent: float | None) -> bytes:
        nbytes = int(percent_of(percent) / 100 * values.size * 4)
        data = struct.pack("<I", len(kept)) + bytes(nbytes - 4)
        kept[data] = rounded(values, levels)
        return data

    return Codec(encode, kept.__getitem__)
