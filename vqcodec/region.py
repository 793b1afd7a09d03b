"""Part of a compressed volume, without decoding the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .codec import decode_volume
from .conform import Orientation
from .device import resolve_device
from .exact import decode_voxels
from .formats.sections import SectionKind
from .formats.volumes import Volume, part_volume
from .frame_grids import decode_frame_part
from .frames import array_of, empty_frame, restored_frame
from .header import FrameDescription, VolumeDescription, ras_shape
from .models.wavelet_family import WaveletModel
from .models.wavelet_region import Part, reconstruct_part
from .networks import network_on
from .spans import Region, spans_of
from .vqz import VQZ

Spans = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


def decode_region(vqz: VQZ, region: Region, *, device: str | torch.device = "auto") -> Volume:
    """A region as a volume of its own, whose affine puts its voxels where they were.

    Raises
    ------
    ValueError
        The region is empty, has steps or too many axes.
    FormatError, ModelUnavailableError
    """
    array = read_region(vqz, region, device=device)
    starts = [start for start, _ in spans_of(region, vqz.parsed.volume.shape)]
    section = vqz.container.section(SectionKind.VOLUME_HEADER)
    return part_volume(section, vqz.header["volume"], starts, array)


def read_region(vqz: VQZ, region: Region, *, device: str | torch.device = "auto") -> NDArray[Any]:
    """Stored values of a region; see :meth:`vqcodec.VQZ.read_region`."""
    described = vqz.parsed.volume
    spans = spans_of(region, described.shape)
    if vqz.parsed.voxels is not None:
        return np.ascontiguousarray(decode_voxels(vqz)[tuple(slice(*span) for span in spans)])
    on = resolve_device(device)
    network = network_on(vqz.load_model(), on)
    vqz.check_coder(network.entropy)
    is_whole = all(span == (0, n) for span, n in zip(spans, described.shape, strict=False))
    if is_whole or not isinstance(network, WaveletModel) or _has_nonfinite(vqz):
        whole = decode_volume(vqz, device=on).array
        return np.ascontiguousarray(whole[tuple(slice(*span) for span in spans)])
    turned = _in_ras(spans, described)
    shape = tuple(stop - start for start, stop in spans) + described.shape[3:]
    turn = Orientation(described.axes, described.flips)
    parts = _frames(vqz, network, turned, np.dtype(described.dtype), on)
    return np.ascontiguousarray(array_of(parts, shape, np.dtype(described.dtype), turn))


def _has_nonfinite(vqz: VQZ) -> bool:
    return any(frame.nonfinite for frame in vqz.parsed.frames)


def _in_ras(spans: Sequence[tuple[int, int]], volume: VolumeDescription) -> Spans:
    full = (*spans, (0, 1), (0, 1))[:3]
    turned = []
    for axis, flip, side in zip(volume.axes, volume.flips, ras_shape(volume), strict=True):
        start, stop = full[axis]
        turned.append((side - stop, side - start) if flip else (start, stop))
    return turned[0], turned[1], turned[2]


def _frames(
    vqz: VQZ, network: WaveletModel, spans: Spans, dtype: np.dtype[Any], device: torch.device
) -> Iterator[NDArray[Any]]:
    """The region of every frame, in RAS order, as stored."""
    for index, frame in enumerate(vqz.parsed.frames):
        yield _region_of(vqz, index, frame, network, spans, dtype, device)


def _region_of(
    vqz: VQZ,
    index: int,
    frame: FrameDescription,
    network: WaveletModel,
    spans: Spans,
    dtype: np.dtype[Any],
    device: torch.device,
) -> NDArray[Any]:
    d, h, w = (stop - start for start, stop in spans)
    starts, stops = [], []
    for (start, stop), origin, extent in zip(spans, frame.origin, frame.extent, strict=True):
        starts.append(max(start - origin, 0))
        stops.append(min(stop - origin, extent))
    if any(a >= b for a, b in zip(starts, stops, strict=True)):
        return empty_frame(frame, (d, h, w), dtype)
    part = Part((starts[0], starts[1], starts[2]), (stops[0], stops[1], stops[2]))
    wide = part.widened(frame.extent)
    region, holes, coefficients = decode_frame_part(
        network.entropy,
        vqz.streams(index),
        frame,
        (part.start, part.stop),
        (wide.start, wide.stop),
    )
    x = reconstruct_part(network, coefficients, frame.step_index, region, part, device)
    places = [
        start + origin - first
        for start, origin, (first, _) in zip(starts, frame.origin, spans, strict=True)
    ]
    z, y, x_ = (slice(a, b) for a, b in zip(starts, stops, strict=True))
    inside = region[z, y, x_] if holes is None else region[z, y, x_] & ~holes[z, y, x_]
    here = replace(frame, origin=(places[0], places[1], places[2]), extent=inside.shape)
    return restored_frame(x.cpu().numpy(), inside, here, (d, h, w), dtype)
