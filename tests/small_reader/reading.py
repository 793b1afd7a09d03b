"""Sections 6.2, 11.1, 11.3, 12.1, 14, 17 and 18 of VQZ.md: a file and its grids of codes."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path

import numpy as np

from .codes import decode_codes
from .coefficients import decode_levels, is_tiled, is_trellis, is_trimmed
from .container import require, unpack
from .exact import decode_exact
from .holes import decode_holes
from .mask import decode_mask
from .networks import Tensors
from .weights import read_weights

COARSE, MIDDLE, FINE, MASK, NONFINITE, RESIDUAL, HOLES = 1, 2, 3, 4, 6, 7, 10
ENTROPY = {
    "wavelet": ("context-range-1", "context-tiles-1", "context-tiles-2", "context-tiles-3"),
    "paper": ("code-range-1",),
}


@dataclass(frozen=True)
class Reading:
    """What a file holds; one entry for each frame in every list but ``header``.

    Foregrounds and nonfinite masks (of NaN, +infinity, -infinity) are of whole RAS frames.
    A constant frame has no grids, and is all foreground. Voxels are those of a file that
    promises them, as in the source.
    """

    header: dict
    grids: list[dict[str, np.ndarray]]
    foregrounds: list[np.ndarray]
    nonfinite: list[list[np.ndarray]]
    voxels: np.ndarray | None = None


def read(path: Path, weights: Path) -> Reading:
    """Read a file with its model; every checksum and hash is verified."""
    header, sections = unpack(path.read_bytes())
    family = header["family"]
    require(family in ENTROPY, "family", "UnsupportedError")
    require(header["entropy"] in ENTROPY[family], "entropy", "UnsupportedError")
    tensors, identity = read_weights(weights)
    require(identity == header["model"]["sha256"], "identity", "ModelUnavailableError")
    if family == "wavelet":
        coder = ENTROPY[family][is_tiled(tensors) + is_trellis(tensors) + is_trimmed(tensors)]
        require(header["entropy"] == coder, "the coder is not that of the model")
    volume = header["volume"]
    source = (*volume["shape"], 1, 1)
    shape = tuple(source[axis] for axis in volume["axes"])
    require(len(header["frames"]) == prod(volume["shape"][3:]), "number of frames")
    reading = Reading(header, [], [], [])
    digest = hashlib.sha256()
    for index, frame in enumerate(header["frames"]):
        here = {kind: data for (kind, owner), data in sections.items() if owner == index}
        foreground = np.ones(shape, bool)
        grids = {}
        if frame["extent"] != [0, 0, 0]:
            box = decode_box(here.get(MASK, b""), tuple(frame["extent"]), tensors)
            foreground[:] = False
            levels = [here[kind] for kind in (FINE, MIDDLE, COARSE)]
            if family == "paper":
                require(max(frame["stages"]) <= 64 and frame["step_index"] == 0, "a paper frame")
                grids = decode_codes(levels, box, frame["stages"], tensors)
            else:
                decoded = decode_levels(levels, box, frame["step_index"], tensors)
                grids = grids_of(*decoded, frame["stages"])
                if HOLES in here:
                    arguments = (*decoded, box, frame["step_index"], tensors)
                    box = box & ~decode_holes(here[HOLES], *arguments)
            place = zip(frame["origin"], frame["extent"], strict=True)
            foreground[tuple(slice(first, first + n) for first, n in place)] = box
        for name in ("coarse", "middle", "fine") if grids else ():
            digest.update(grids[name].tobytes())
        reading.grids.append(grids)
        reading.foregrounds.append(foreground)
        places = decode_nonfinite(here.get(NONFINITE, b""), foreground, tensors)
        require(sum(map(np.count_nonzero, places)) == frame["nonfinite"], "nonfinite voxels")
        reading.nonfinite.append(places)
    require(digest.hexdigest() == header["codes_sha256"], "hash of the codes")
    if "voxels" in header:
        voxels = exact_voxels(header, sections, shape)
        require(
            hashlib.sha256(voxels.tobytes()).hexdigest() == header["voxels"]["sha256"],
            "hash of the voxels",
        )
        return replace(reading, voxels=voxels)
    return reading


def exact_voxels(
    header: dict, sections: dict[tuple[int, int], bytes], shape: tuple[int, ...]
) -> np.ndarray:
    volume = header["volume"]
    dtype = np.dtype(volume["dtype"])
    sides = (*volume["shape"], 1, 1)[: max(3, len(volume["shape"]))]
    voxels = np.zeros(sides, dtype)
    for index, rest in enumerate(np.ndindex(sides[3:])):
        require((RESIDUAL, index) in sections, "section residual")
        frame = decode_exact(sections[RESIDUAL, index], shape, dtype)
        flips = [axis for axis in range(3) if volume["flips"][axis]]
        voxels[(Ellipsis, *rest)] = np.transpose(np.flip(frame, flips), np.argsort(volume["axes"]))
    return voxels.reshape(volume["shape"])


def decode_box(data: bytes, extent: tuple[int, ...], tensors: Tensors) -> np.ndarray:
    return decode_mask(data, extent, tensors) if data else np.ones(extent, bool)


def decode_nonfinite(data: bytes, foreground: np.ndarray, tensors: Tensors) -> list[np.ndarray]:
    places = []
    while data:
        (length,), data = struct.unpack("<I", data[:4]), data[4:]
        if length in (0, 0xFFFFFFFF):
            places.append(~foreground & (length != 0))
        else:
            places.append(decode_mask(data[:length], foreground.shape, tensors))
            data = data[length:]
    return places


def grids_of(
    details: list[np.ndarray], low_pass: np.ndarray, stages: list[int]
) -> dict[str, np.ndarray]:
    grids = {}
    for level, name in enumerate(("fine", "middle", "coarse")):
        finer, coarser = details[2 * level], details[2 * level + 1]
        channels = [*coarser]
        for band in finer:
            channels += [band[z::2, y::2, x::2] for z, y, x in product((0, 1), repeat=3)]
        if name == "coarse":
            channels.append(low_pass)
        rest = np.stack(channels)
        codes = []
        for _ in range(stages[level]):
            codes.append((rest + 128) % 256)
            rest = (rest + 128) >> 8
        require(not rest.any(), "a code is beyond its stages")
        grids[name] = np.concatenate(codes).astype(np.uint8)
    return grids
