"""Rate and distortion of vqcodec beside its peers, at the same bytes on the same arrays.

Every codec gets the same float32 array in [0, 1]. vqcodec is asked for a rate through its
public API; the file it returns, headers included, sets the bytes at which every peer's
measured curve is read (`benchmarks.curves`). A rate is in percent of the float32 size of
the scan's own grid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .curves import Curve, Figures, OutsideCurveError, curve
from .own_curve import OURS, coded, own_codec
from .peers import Array, Peer
from .scans import Scan

RATES: tuple[float | None, ...] = (0.2, 0.35, 0.6, None)
DEFAULT_LIMIT = 0.825
MARGIN = 1.25


@dataclass(frozen=True)
class Codec:
    """The codec under test.

    Attributes
    ----------
    encode : callable
        ``(values, percent)`` to the bytes of a whole file; percent None for the default.
    decode : callable
        Those bytes back to float32 values.
    """

    encode: Callable[[Array, float | None], bytes]
    decode: Callable[[bytes], Array]


@dataclass(frozen=True)
class Result:
    """One codec on one scan at one rate.

    Attributes
    ----------
    scan, group : str
        Subject and data set.
    codec : str
        `OURS` or a peer's name.
    asked : float or None
        Percent asked for; None for the default setting.
    percent : float or None
        Percent of the file, the same for every codec of a comparison.
    figures : Figures or None
        Interpolated for peers.
    encode_seconds, decode_seconds : float or None
        Of this very file, or of the peer's measured point nearest in rate.
    note : str
        Why there are no figures: the codec refused, or the peer has no points on both
        sides of the rate.
    """

    scan: str
    group: str
    codec: str
    asked: float | None
    percent: float | None = None
    figures: Figures | None = None
    encode_seconds: float | None = None
    decode_seconds: float | None = None
    note: str = ""


def vqcodec_through_its_api(device: str = "auto") -> Codec:
    """The codec of this project, whole files through the public functions only."""
    ours = own_codec(device=device)
    return Codec(lambda values, percent: ours.encode(values, {"ratio": percent}), ours.decode)


def compared(
    scan: Scan,
    codec: Codec | None,
    peers: Sequence[Peer],
    rates: Sequence[float | None] = RATES,
    cache: Path | None = None,
) -> list[Result]:
    """Every codec on one scan at every rate.

    Parameters
    ----------
    scan : Scan
        What all of them code.
    codec : Codec or None
        Codec under test; None reads the peers at exactly the rates asked for.
    peers : sequence of Peer
        Those that can run here.
    rates : sequence of float or None
        Percent, None for the default setting.
    cache : Path, optional
        Folder of the peers' cache.
    """
    results = [_ours(scan, codec, asked) for asked in rates] if codec is not None else []
    if codec is None:
        places = [(asked, DEFAULT_LIMIT if asked is None else asked) for asked in rates]
    else:
        places = [(found.asked, found.percent) for found in results if found.percent is not None]
    if not places:
        return results
    low = min(percent for _, percent in places) / MARGIN
    high = max(percent for _, percent in places) * MARGIN
    for peer in peers:
        try:
            points = curve(peer, scan, low, high, cache)
        except RuntimeError as error:  # imagecodecs and ffmpeg alike
            note = f"{peer.name} failed: {error}"
            results += [Result(scan.name, scan.group, peer.name, *at, note=note) for at in places]
        else:
            results += [_read(points, scan, asked, percent) for asked, percent in places]
    return results


def _ours(scan: Scan, codec: Codec, asked: float | None) -> Result:
    from vqcodec.errors import VqzError

    try:
        found = coded(
            scan, lambda values: codec.encode(values, asked), codec.decode, asked or DEFAULT_LIMIT
        )
    except VqzError as error:
        return Result(scan.name, scan.group, OURS, asked, note=str(error))
    return Result(
        scan=scan.name,
        group=scan.group,
        codec=OURS,
        asked=asked,
        percent=found.percent,
        figures=found.figures,
        encode_seconds=found.encode_seconds,
        decode_seconds=found.decode_seconds,
    )


def _read(peer: Curve, scan: Scan, asked: float | None, percent: float) -> Result:
    try:
        figures = peer.at(percent)
    except OutsideCurveError as error:
        return Result(scan.name, scan.group, peer.peer, asked, percent, note=str(error))
    encode_seconds, decode_seconds = peer.seconds_near(percent)
    return Result(
        scan=scan.name,
        group=scan.group,
        codec=peer.peer,
        asked=asked,
        percent=percent,
        figures=figures,
        encode_seconds=encode_seconds,
        decode_seconds=decode_seconds,
    )
