"""The codecs that vqcodec is compared with, behind one small interface.

Every peer codes the same float32 array in [0, 1]. What it is charged for is the bare
stream: no container, and no description of the shape or of the intensity scale.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import struct
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from .peers_video import SVT_AV1, SVT_AV1_ALL_CORES, X265, VideoEncoder

Array = NDArray[np.float32]

AV1_LADDER = (63, 58, 53, 48, 42, 36, 30, 24, 18, 12, 6, 1)


@dataclass(frozen=True)
class Peer:
    """One codec with its ladder of settings.

    Attributes
    ----------
    name : str
        Name in the tables.
    encode : callable
        ``(values, setting, axis)`` to bytes; values float32 in [0, 1], shape ``(X, Y, Z)``.
    decode : callable
        ``(data, shape, axis)`` to float32 values of ``shape``.
    settings : tuple of float
        From the smallest file to the largest.
    axes : tuple of int
        Axes whose slices may be the frames; the best one at a rate counts. A codec that is
        truly 3D has one entry.
    software : callable
        Versions and fixed options, part of the cache key.
    missing : callable
        None where the codec can run, else the reason.
    charged : callable
        What `encode` returned to the bytes that count; all of them by default.
    step : float
        Settings closer than this are the same to the encoder; 0 where any difference counts.
    """

    name: str
    encode: Callable[[Array, float, int], bytes]
    decode: Callable[[bytes, tuple[int, ...], int], Array]
    settings: tuple[float, ...]
    axes: tuple[int, ...]
    software: Callable[[], str]
    missing: Callable[[], str | None]
    charged: Callable[[bytes], int] = len
    step: float = 0.0


def all_peers() -> tuple[Peer, ...]:
    """Every peer, the strongest first."""
    x265_ladder = (51, 47, 43, 39, 35, 31, 27, 23, 19, 15, 10, 5)
    return (
        video_peer("SVT-AV1 p4", SVT_AV1, AV1_LADDER, step=1.0),
        video_peer("x265 slow", X265, x265_ladder),
        array_peer(
            "SPERR 3D", sperr_encode, sperr_decode, (0.02, 0.04, 0.07, 0.12, 0.2, 0.33, 0.6, 1.2)
        ),
        array_peer(
            "SZ3",
            sz3_encode,
            sz3_decode,
            (0.4, 0.3, 0.22, 0.16, 0.12, 0.09, 0.065, 0.045, 0.03, 0.02),
        ),
        array_peer(
            "JPEG 2000", jpeg2k_encode, jpeg2k_decode, (18, 21, 24, 27, 30, 33, 36, 39, 42, 46, 50)
        ),
        array_peer("JPEG XL", jpegxl_encode, jpegxl_decode, (25, 18, 12, 8, 5, 3)),
        array_peer("zfp", zfp_encode, zfp_decode, (8, 4, 2, 1, 0.5)),
    )


def parallel_peer() -> Peer:
    """SVT-AV1 on all cores, for timings alone: its bytes are those of SVT-AV1 on one."""
    return video_peer("SVT-AV1 p4, all cores", SVT_AV1_ALL_CORES, AV1_LADDER, step=1.0)


def named_peers(names: tuple[str, ...]) -> tuple[Peer, ...]:
    """Peers by their names in the tables, in that order; KeyError for an unknown one."""
    by_name = {peer.name: peer for peer in (*all_peers(), parallel_peer())}
    return tuple(by_name[name] for name in names)


def video_peer(
    name: str, video: VideoEncoder, ladder: tuple[float, ...], step: float = 0.0
) -> Peer:
    """A video encoder, tried along all three axes."""
    return Peer(
        name=name,
        encode=video.encode,
        decode=video.decode,
        settings=ladder,
        axes=(2, 0, 1),
        software=video.software,
        missing=video.missing,
        step=step,
    )


def array_peer(
    name: str,
    encode: Callable[[Array, float], bytes],
    decode: Callable[[bytes, tuple[int, ...]], Array],
    ladder: tuple[float, ...],
) -> Peer:
    """A codec of imagecodecs that takes the volume as it is."""
    return Peer(
        name=name,
        encode=lambda values, setting, axis: encode(np.ascontiguousarray(values), setting),
        decode=lambda data, shape, axis: decode(data, shape),
        settings=ladder,
        axes=(0,),
        software=imagecodecs_version,
        missing=imagecodecs_missing,
    )


@functools.cache
def imagecodecs() -> ModuleType:
    """The imagecodecs module; ImportError where it is not installed."""
    return importlib.import_module("imagecodecs")


def imagecodecs_missing() -> str | None:
    """Why imagecodecs cannot be used here, or None."""
    try:
        imagecodecs()
    except ImportError as error:
        return f"imagecodecs is not installed ({error})"
    return None


def imagecodecs_version() -> str:
    """Version of the wheel that holds SPERR, SZ3 and OpenJPEG."""
    return f"imagecodecs {importlib.metadata.version('imagecodecs')}"


def sperr_encode(values: Array, bits_per_voxel: float) -> bytes:
    """SPERR in fixed-rate mode, the whole volume as one chunk."""
    return bytes(imagecodecs().sperr_encode(values, bits_per_voxel, "bpp", numthreads=1))


def sperr_decode(data: bytes, shape: tuple[int, ...]) -> Array:
    """Inverse of `sperr_encode`."""
    decoded = imagecodecs().sperr_decode(data, numthreads=1)
    return np.asarray(decoded, dtype=np.float32).reshape(shape)


def sz3_encode(values: Array, bound: float) -> bytes:
    """SZ3 with an absolute error bound."""
    return bytes(imagecodecs().sz3_encode(values, "abs", bound))


def sz3_decode(data: bytes, shape: tuple[int, ...]) -> Array:
    """Inverse of `sz3_encode`."""
    decoded = imagecodecs().sz3_decode(data, shape=shape, dtype="float32")
    return np.asarray(decoded, dtype=np.float32).reshape(shape)


def zfp_encode(values: Array, bound: float) -> bytes:
    """The volume by zfp with an absolute error bound."""
    return bytes(imagecodecs().zfp_encode(values, level=bound, mode="a"))


def zfp_decode(data: bytes, shape: tuple[int, ...]) -> Array:
    """Inverse of `zfp_encode`."""
    return np.asarray(imagecodecs().zfp_decode(data), dtype=np.float32).reshape(shape)


def jpeg2k_encode(values: Array, decibel: float) -> bytes:
    """JPEG 2000 code streams of 12 bit slices along the last axis."""

    def encode(plane: NDArray[np.uint16]) -> bytes:
        return bytes(
            imagecodecs().jpeg2k_encode(
                plane, level=decibel, codecformat="j2k", bitspersample=12, reversible=False
            )
        )

    return sliced(values, 4095, encode)


def jpeg2k_decode(data: bytes, shape: tuple[int, ...]) -> Array:
    """Inverse of `jpeg2k_encode`."""
    return joined(data, shape, 4095, imagecodecs().jpeg2k_decode)


def jpegxl_encode(values: Array, distance: float) -> bytes:
    """JPEG XL code streams of 16 bit slices along the last axis, at its default effort of 7."""

    def encode(plane: NDArray[np.uint16]) -> bytes:
        return bytes(imagecodecs().jpegxl_encode(plane, distance=distance, effort=7, numthreads=1))

    return sliced(values, 65535, encode)


def jpegxl_decode(data: bytes, shape: tuple[int, ...]) -> Array:
    """Inverse of `jpegxl_encode`."""
    return joined(data, shape, 65535, imagecodecs().jpegxl_decode)


def sliced(values: Array, top: int, encode: Callable[[NDArray[np.uint16]], bytes]) -> bytes:
    """Slices along the last axis as integers up to ``top``, each coded with its length.

    Slices of zeros take the four bytes of their length only.
    """
    slices = np.rint(np.clip(values, 0.0, 1.0) * np.float32(top)).astype(np.uint16)
    streams = []
    for index in range(slices.shape[2]):
        plane = np.ascontiguousarray(slices[:, :, index])
        stream = encode(plane) if plane.any() else b""
        streams.append(struct.pack("<I", len(stream)) + stream)
    return b"".join(streams)


def joined(
    data: bytes, shape: tuple[int, ...], top: int, decode: Callable[[bytes], NDArray[np.uint16]]
) -> Array:
    """Inverse of `sliced`."""
    values = np.zeros(shape, np.float32)
    position = 0
    for index in range(shape[2]):
        (length,) = struct.unpack_from("<I", data, position)
        stream = data[position + 4 : position + 4 + length]
        position += 4 + length
        if stream:
            values[:, :, index] = decode(stream) / np.float32(top)
    return values
