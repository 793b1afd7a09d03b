"""A video encoder that is handed what vqcodec knows about the background: mask and fill.

The foreground mask is coded without loss, at the bytes that it takes in a file of vqcodec. The
volume is cut to the box of the foreground, as vqcodec cuts it, and its background replaced by
the don't-care fill of vqcodec before the encoder sees it; what is decoded is masked again. So
what remains between this peer and vqcodec are transform, contexts and restoration.

`vqcodec.models.fill.fill_background` is the one thing of vqcodec that the benchmarks use and
that is not public.
"""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vqcodec import metrics

from .peers import Array, Peer, named_peers
from .peers_video import PeerError

MASKED_NAME = "SVT-AV1 p4 + mask + fill"
FILL_ITERATIONS = 12
FILL_MULTIPLE = 4
FILL_STEP = 0.12
DEFINITION = f"mask at vqcodec's bytes, don't-care fill for {FILL_STEP:g}"

Mask = NDArray[np.bool_]
Box = tuple[slice, slice, slice]


def masked_peer() -> Peer:
    """SVT-AV1 preset 4, given mask and fill; its ladder and axes are those of plain SVT-AV1."""
    (plain,) = named_peers(("SVT-AV1 p4",))

    def encode(values: Array, setting: float, axis: int) -> bytes:
        inside = exact_foreground(values)
        filled = filled_box(values, inside)
        packed = zlib.compress(np.packbits(inside).tobytes(), 9)
        head = struct.pack("<II", mask_bytes(inside), len(packed))
        return head + packed + plain.encode(filled, setting, axis)

    def decode(data: bytes, shape: tuple[int, ...], axis: int) -> Array:
        _, length = struct.unpack_from("<II", data)
        bits = np.frombuffer(zlib.decompress(data[8 : 8 + length]), np.uint8)
        inside = np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape).astype(bool)
        box = box_of(inside)
        decoded = plain.decode(data[8 + length :], inside[box].shape, axis)
        values = np.zeros(shape, np.float32)
        values[box] = np.where(inside[box], decoded, np.float32(0))
        return values

    return Peer(
        name=MASKED_NAME,
        encode=encode,
        decode=decode,
        settings=plain.settings,
        axes=plain.axes,
        software=lambda: f"{plain.software()}; {DEFINITION}",
        missing=plain.missing,
        charged=charged,
    )


def charged(data: bytes) -> int:
    """Bytes of the video stream, and of the mask in a file of vqcodec.

    The mask lies in ``data`` in another form, so that a stream of the cache can be decoded by
    itself; what that form takes is not charged.
    """
    of_mask: int
    length: int
    of_mask, length = struct.unpack_from("<II", data)
    return of_mask + len(data) - 8 - length


def exact_foreground(values: Array) -> Mask:
    """The foreground that vqcodec codes a mask of.

    Raises
    ------
    PeerError
        The background is not exactly zero (a whole head), so vqcodec has neither mask nor fill.
    """
    inside: Mask = metrics.foreground(values)
    if inside.all() or not inside.any() or values[~inside].any():
        raise PeerError("the background is not exactly zero: nothing to mask or fill")
    return inside


def filled_box(values: Array, inside: Mask, step: float = FILL_STEP) -> Array:
    """The box of the foreground, its background filled for a quantiser step; clipped to [0, 1].

    One step serves all rates: on ds002748_sub-61 (CRF 30, 42, 58) and oasis_1001 (CRF 36, 48,
    58), fills for steps from 0.02 to 1 lie within a few tenths of a decibel at equal bytes, and
    those for 0.08 to 0.17 come first, or within 0.1 dB of it, at every CRF. The step of the
    vqcodec file of the same bytes (0.35 at CRF 58, 0.06 at CRF 30) does not do better.
    """
    import torch

    from vqcodec.models.fill import fill_background

    box = box_of(inside)
    shape = inside[box].shape
    margins = [(0, -side % FILL_MULTIPLE) for side in shape]
    x = torch.from_numpy(np.pad(values[box], margins, mode="edge"))
    care = torch.from_numpy(np.pad(inside[box], margins))
    filled = fill_background(x, care, step, FILL_ITERATIONS).numpy()
    inner = tuple(slice(side) for side in shape)
    return np.ascontiguousarray(np.clip(filled[inner], 0.0, 1.0), dtype=np.float32)


def box_of(inside: Mask) -> Box:
    """The smallest box with the whole foreground."""
    low, high = [], []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        (places,) = np.nonzero(inside.any(axis=others))
        low.append(int(places[0]))
        high.append(int(places[-1]) + 1)
    return slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])


def mask_bytes(inside: Mask) -> int:
    """Bytes of the mask in a file of vqcodec."""
    return _mask_bytes(inside.shape, np.packbits(inside).tobytes())


@functools.lru_cache(maxsize=4)
def _mask_bytes(shape: tuple[int, ...], packed: bytes) -> int:
    import vqcodec

    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=int(np.prod(shape)))
    volume = bits.reshape(shape).astype(np.float32)
    sections: Mapping[str, int] = vqcodec.encode(volume, quality=1, force=True).info()["sections"]
    return sections["mask/0"]
