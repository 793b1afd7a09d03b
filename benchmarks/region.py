"""What regions cost: bytes that cutting the fine level into tiles takes, and time by region."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from .own_curve import OwnCodec
from .scans import Scan

#: About 0.1, 0.25 and 0.7 % of a skull-stripped T1.
QUALITIES = (3.0, 4.5, 6.0)
#: Wide enough for one tile in any scan.
ENDLESS = 1 << 16
#: Side of the block that is read.
BLOCK = 32

Region = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Price:
    """Bytes of one scan at one quality.

    Attributes
    ----------
    scan : str
    quality : float
    percent : float
        Of float32, with tiles.
    tiled, whole : int
        Bytes of a file with tiles and with a single one.
    """

    scan: str
    quality: float
    percent: float
    tiled: int
    whole: int

    @property
    def growth(self) -> float:
        """What tiles take, in percent of the bytes without."""
        return 100.0 * (self.tiled / self.whole - 1.0)


@dataclass(frozen=True)
class Times:
    """Seconds that decoding takes: everything, and parts around the middle of the scan."""

    scan: str
    quality: float
    whole: float
    parts: Mapping[str, float]


@contextmanager
def one_tile() -> Iterator[None]:
    """Code the fine level as one tile meanwhile; such files are not those of the format.

    Only for models that know no holes, whose networks are cut into tiles of their own.
    """
    from vqcodec.entropy import tiling

    side, tiling.TILE_SIDE = tiling.TILE_SIDE, ENDLESS
    try:
        yield
    finally:
        tiling.TILE_SIDE = side


def price(scan: Scan, codec: OwnCodec, quality: float) -> Price:
    """What tiles take of a scan at a quality, with a codec that knows no holes."""
    aim = {"quality": quality}
    tiled = len(codec.encode(scan.values, aim))
    with one_tile():
        whole = len(codec.encode(scan.values, aim))
    return Price(scan.name, quality, 25.0 * tiled / scan.values.size, tiled, whole)


def regions(shape: tuple[int, ...]) -> dict[str, Region]:
    """A block in the middle, and one slice across the second axis."""
    block = tuple(_middle(side, BLOCK) for side in shape)
    one = tuple(_middle(side, 1 if axis == 1 else side) for axis, side in enumerate(shape))
    return {f"{BLOCK}x{BLOCK}x{BLOCK}": block, "one slice": one}  # type: ignore[dict-item]


def _middle(side: int, width: int) -> slice:
    width = min(width, side)
    start = (side - width) // 2
    return slice(start, start + width)


def times(scan: Scan, codec: OwnCodec, quality: float, device: str) -> Times:
    """How long regions of a file take, after a decoding that is not timed."""
    import vqcodec

    data = codec.encode(scan.values, {"quality": quality})

    def read(region: Region) -> None:
        vqcodec.VQZ.from_bytes(data).read_region(region, device=device)

    codec.decode(data)
    whole = _seconds(partial(codec.decode, data))
    every = regions(scan.values.shape).items()
    parts = {name: _seconds(partial(read, region)) for name, region in every}
    return Times(scan.name, quality, whole, parts)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
