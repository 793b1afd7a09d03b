"""Rate differences on one scan: the points of vqcodec, the curves of the peers, compared."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .bd_rate import (
    HIGH_PERCENT,
    LOW_PERCENT,
    Difference,
    NoDifferenceError,
    Reached,
    best_difference,
    rate_reaching,
    similarity,
)
from .curves import Curve, Point, curve, point, point_of
from .own_curve import OURS, OwnCodec, own_points
from .peers import Peer
from .scans import PAPER_GRID, Scan

RATIOS = tuple(0.09 * 10 ** (index / 5) for index in range(6))
SIMILARITY = 0.998
DECIBEL_PER_OCTAVE = 4.0


@dataclass(frozen=True)
class ScanResult:
    """Everything measured on one scan.

    Attributes
    ----------
    scan, group : str
        Subject and data set.
    whole_head : bool
    points : tuple of Point
        Of vqcodec.
    curves : tuple of Curve
        Of the peers, along all axes measured.
    differences : mapping of str to Difference
        Of vqcodec to each peer by its name; one that is missing has a note.
    similarity_differences : mapping of str to Difference
        The same on MS-SSIM.
    similar, similar_paper : Reached or None
        Rate at which vqcodec reaches MS-SSIM 0.998: on the scan's own grid in percent of
        that, and zero-padded to 192x256x192 in percent of that.
    notes : tuple of str
        What could not be measured, and why.
    """

    scan: str
    group: str
    whole_head: bool
    points: tuple[Point, ...] = ()
    curves: tuple[Curve, ...] = ()
    differences: Mapping[str, Difference] = field(default_factory=dict)
    similar: Reached | None = None
    similar_paper: Reached | None = None
    notes: tuple[str, ...] = ()
    similarity_differences: Mapping[str, Difference] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def measured_scan(
    scan: Scan,
    codec: OwnCodec | None,
    peers: Sequence[Peer],
    all_axes: bool,
    say: Callable[[str], None] = lambda line: None,
    cache: Path | None = None,
    known: Sequence[Point] = (),
    earlier: Sequence[Curve] = (),
) -> ScanResult:
    """Measure a scan.

    Parameters
    ----------
    scan : Scan
    codec : OwnCodec or None
        None measures the peers alone, which fills their cache.
    peers : sequence of Peer
        Those that can run here.
    all_axes : bool
        All slicing axes of video encoders; else the one that a probe finds best.
    say : callable
        Gets a line of progress at a time.
    cache : Path, optional
        Folder of the peers' cache.
    known : sequence of Point
        Points of vqcodec that were measured before, if they were.
    earlier : sequence of Curve
        Curves of other peers from a run before.
    """
    notes: list[str] = []
    points: list[Point] = []
    if codec is not None:
        say(f"{scan.name}: {codec.name}")
        points = list(known) or own_points(scan, codec, "ratio", RATIOS, notes.append)
    curves: list[Curve] = []
    differences, similarity_differences = {}, {}
    for peer in peers:
        say(f"{scan.name}: {peer.name}")
        try:
            tried = peer if all_axes else on_best_axis(peer, scan, cache)
            curves.append(curve(tried, scan, LOW_PERCENT, HIGH_PERCENT, cache))
        except RuntimeError as error:  # of imagecodecs and ffmpeg
            notes.append(f"{peer.name}: {error}")
    curves += earlier
    for each in curves if codec is not None else ():
        try:
            found = best_difference(each, points, LOW_PERCENT, HIGH_PERCENT)
            differences[each.peer] = found
            similarity_differences[each.peer] = best_difference(
                each, points, LOW_PERCENT, HIGH_PERCENT, similarity
            )
        except NoDifferenceError as error:
            notes.append(f"{each.peer}: {error}")
    return ScanResult(
        scan=scan.name,
        group=scan.group,
        whole_head=scan.whole_head,
        points=tuple(points),
        curves=tuple(curves),
        differences=differences,
        similar=similar_at(points),
        similar_paper=similar_at_paper(points),
        notes=tuple(notes),
        similarity_differences=similarity_differences,
    )


def points_before(document: Path | None, settings: Mapping[str, Any]) -> dict[str, list[Point]]:
    """Points of vqcodec by scan in a results file of the same settings, a run that was ended."""
    if document is None or not document.is_file():
        return {}
    held = json.loads(document.read_text("utf-8"))
    if held.get("settings") != json.loads(json.dumps(settings)):
        return {}
    return {
        record["scan"]: list(map(point_of, record["points"]))
        for record in held["records"]
        if not any(note.startswith(OURS) for note in record["notes"])
    }


def on_best_axis(peer: Peer, scan: Scan, cache: Path | None = None) -> Peer:
    """The peer along one axis: that with the best foreground PSNR at its middle setting.

    Files of one setting differ a little in size; that is made up for at four decibels an
    octave.
    """
    if len(peer.axes) == 1:
        return peer
    setting = peer.settings[len(peer.settings) // 2]

    def worth(axis: int) -> float:
        probe = point(peer, scan, setting, axis, cache)
        return probe.figures.psnr_foreground - DECIBEL_PER_OCTAVE * math.log2(probe.percent)

    return replace(peer, axes=(max(peer.axes, key=worth),))


def similar_at(points: Sequence[Point]) -> Reached | None:
    """Rate at which MS-SSIM 0.998 is reached on the scan's own grid."""
    rates = [found.percent for found in points]
    return rate_reaching(rates, [found.figures.ms_ssim for found in points], SIMILARITY)


def similar_at_paper(points: Sequence[Point]) -> Reached | None:
    """The same with both volumes zero-padded to 192x256x192, in percent of that as float32."""
    values = [(found.nbytes, found.figures.ms_ssim_paper) for found in points]
    known = [(nbytes, value) for nbytes, value in values if value is not None]
    rates = [100.0 * nbytes / (4 * math.prod(PAPER_GRID)) for nbytes, _ in known]
    return rate_reaching(rates, [value for _, value in known], SIMILARITY)
