"""Lossless coders on the stored integers of real scans, every one decoded again and compared.

General ones code the voxels in the file's order; image coders code slices along the last axis.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from .peers import imagecodecs, imagecodecs_missing
from .scans import DataFolderError, Entry, data_folder
from .tables import Table, mean, number

Stored = NDArray[np.uint16]


@dataclass(frozen=True)
class LosslessCoder:
    """A coder: its name, both ways, and why it cannot run here, if so."""

    name: str
    encode: Callable[[Stored], bytes]
    decode: Callable[[bytes, tuple[int, ...]], Stored]
    missing: Callable[[], str | None] = lambda: None


@dataclass(frozen=True)
class LosslessResult:
    """One coder on one scan; seconds of encoding and decoding."""

    scan: str
    coder: str
    voxels: int
    nbytes: int | None = None
    encode_seconds: float | None = None
    decode_seconds: float | None = None
    note: str = ""


def coders() -> tuple[LosslessCoder, ...]:
    """Every lossless coder, the general ones first."""
    return (
        general("gzip 9", lambda data: gzip.compress(data, 9), gzip.decompress),
        general("zstd 19", _zstd_compress, _zstd_decompress),
        general("bzip2 9", lambda data: bz2.compress(data, 9), bz2.decompress),
        general("xz 6", lambda data: lzma.compress(data, preset=6), lzma.decompress),
        LosslessCoder("zstd 19, byte planes", _planes_encode, _planes_decode),
        image_coder("JPEG-LS", "jpegls_encode", "jpegls_decode"),
        image_coder(
            "JPEG 2000 reversible",
            "jpeg2k_encode",
            "jpeg2k_decode",
            codecformat="j2k",
            reversible=True,
        ),
        image_coder("JPEG XL lossless", "jpegxl_encode", "jpegxl_decode", lossless=True, effort=7),
    )


def general(
    name: str, compress: Callable[[bytes], bytes], decompress: Callable[[bytes], bytes]
) -> LosslessCoder:
    """A coder of bytes, given the voxels in the order of a NIfTI file."""

    def decode(data: bytes, shape: tuple[int, ...]) -> Stored:
        found: Stored = np.frombuffer(decompress(data), "<u2").reshape(shape, order="F")
        return found

    return LosslessCoder(name, lambda stored: compress(stored.tobytes(order="F")), decode)


def image_coder(name: str, encoder: str, decoder: str, **options: Any) -> LosslessCoder:
    """A coder of imagecodecs, slice by slice, each with its length."""

    def encode(stored: Stored) -> bytes:
        call = getattr(imagecodecs(), encoder)
        streams = []
        for index in range(stored.shape[2]):
            stream = bytes(call(np.ascontiguousarray(stored[:, :, index]), **options))
            streams.append(struct.pack("<I", len(stream)) + stream)
        return b"".join(streams)

    def decode(data: bytes, shape: tuple[int, ...]) -> Stored:
        call = getattr(imagecodecs(), decoder)
        stored = np.empty(shape, np.uint16)
        position = 0
        for index in range(shape[2]):
            (length,) = struct.unpack_from("<I", data, position)
            stored[:, :, index] = call(data[position + 4 : position + 4 + length])
            position += 4 + length
        return stored

    return LosslessCoder(name, encode, decode, imagecodecs_missing)


def stored_integers(entry: Entry) -> Stored:
    """The integers of a scan's file, from zero up.

    Raises
    ------
    DataFolderError
        It holds no integers, or more than 16 bits of them.
    """
    image = cast(nib.spatialimages.SpatialImage, nib.load(data_folder() / entry.path))
    raw = np.asanyarray(cast(Any, image.dataobj).get_unscaled())
    if not np.issubdtype(raw.dtype, np.integer):
        raise DataFolderError(f"{entry.subject} is stored as {raw.dtype}, not as integers")
    lifted = raw.astype(np.int64) - min(0, int(raw.min()))
    if lifted.max() > np.iinfo(np.uint16).max:
        raise DataFolderError(f"{entry.subject} has more than 16 bits")
    found: Stored = lifted.astype(np.uint16)
    return found


def measured(scan: str, stored: Stored, coder: LosslessCoder) -> LosslessResult:
    """One coder on one scan; a note where it fails or does not give back what it was given."""
    reason = coder.missing()
    if reason is not None:
        return LosslessResult(scan, coder.name, stored.size, note=reason)
    try:
        start = time.perf_counter()
        data = coder.encode(stored)
        middle = time.perf_counter()
        decoded = coder.decode(data, stored.shape)
        end = time.perf_counter()
    except RuntimeError as error:  # imagecodecs and zstandard
        return LosslessResult(scan, coder.name, stored.size, note=str(error))
    if not np.array_equal(decoded, stored):
        return LosslessResult(scan, coder.name, stored.size, note="is not lossless")
    seconds = middle - start, end - middle
    return LosslessResult(scan, coder.name, stored.size, len(data), *seconds)


def table(results: Sequence[LosslessResult]) -> Table:
    """A row for each coder, means over scans."""
    rows = []
    for name in dict.fromkeys(result.coder for result in results):
        chosen = [result for result in results if result.coder == name]
        coded = [one for one in chosen if one.nbytes is not None]
        bits = mean([8.0 * one.nbytes / one.voxels for one in coded if one.nbytes])
        rows.append(
            (
                name,
                str(len(coded)),
                number(mean([one.nbytes for one in chosen]), ".0f"),
                number(None if bits is None else 16.0 / bits, ".2f"),
                number(bits, ".3f"),
                number(mean([one.encode_seconds for one in chosen]), ".2f"),
                number(mean([one.decode_seconds for one in chosen]), ".2f"),
            )
        )
    columns = ("coder", "scans", "bytes", "ratio", "bit/voxel", "encode s", "decode s")
    notes = (
        "The stored integers (int16) of every file without its header, decoded and compared. "
        "vqcodec at its default is lossy: what these take is the price of every bit.",
    )
    return Table("Lossless coders", columns, tuple(rows), notes)


def _zstd() -> Any:
    return importlib.import_module("zstandard")


def _zstd_compress(data: bytes) -> bytes:
    return bytes(_zstd().ZstdCompressor(level=19).compress(data))


def _zstd_decompress(data: bytes) -> bytes:
    return bytes(_zstd().ZstdDecompressor().decompress(data))


def _planes_encode(stored: Stored) -> bytes:
    planes = np.frombuffer(stored.tobytes(order="F"), np.uint8).reshape(-1, 2).T
    return _zstd_compress(np.ascontiguousarray(planes).tobytes())


def _planes_decode(data: bytes, shape: tuple[int, ...]) -> Stored:
    planes = np.frombuffer(_zstd_decompress(data), np.uint8).reshape(2, -1).T
    found: Stored = np.frombuffer(planes.tobytes(), "<u2").reshape(shape, order="F")
    return found
