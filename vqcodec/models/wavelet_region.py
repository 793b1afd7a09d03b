"""Part of a frame: synthesis and restoration of the voxels asked for and some around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..entropy.level_contexts import Coefficients
from ..layout import padded_to_four, pads_to_four, step_of
from .restoration import restore
from .wavelet import Pyramid, merge, synthesise
from .wavelet_family import WaveletModel, decoded_details

#: Voxels around a part that its own depend on: two splits of the wavelet, and the restoration.
MARGIN = 28
UNIT = 4


@dataclass(frozen=True)
class Part:
    """Voxels of a crop from ``start`` to before ``stop``, along three axes."""

    start: tuple[int, int, int]
    stop: tuple[int, int, int]

    def widened(self, shape: Sequence[int]) -> Part:
        """The part with its margin, within a padded crop, on multiples of four."""
        starts = (max(0, (a - MARGIN) // UNIT * UNIT) for a in self.start)
        stops = (
            min(side, -(-(b + MARGIN) // UNIT) * UNIT)
            for b, side in zip(self.stop, padded_to_four(shape), strict=True)
        )
        (z, y, x), (d, h, w) = starts, stops
        return Part((z, y, x), (d, h, w))

    def within(self, other: Part) -> tuple[slice, slice, slice]:
        """Where it lies in another part."""
        z, y, x = (
            slice(a - o, b - o) for a, b, o in zip(self.start, self.stop, other.start, strict=True)
        )
        return z, y, x

    def of(self, array: NDArray[Any], divisor: int) -> NDArray[Any]:
        """The same voxels of an array ``(..., d, h, w)`` with fewer samples."""
        z, y, x = (
            slice(a // divisor, b // divisor) for a, b in zip(self.start, self.stop, strict=True)
        )
        return array[..., z, y, x]


def reconstruct_part(
    model: WaveletModel,
    coefficients: Coefficients,
    step_index: int,
    region: NDArray[np.bool_],
    part: Part,
    device: torch.device,
) -> Tensor:
    """Part of a frame, in units of the robust range.

    Parameters
    ----------
    coefficients : Coefficients
        Of the whole crop; those of the fine level are needed in the part and its margin only.
    region : ndarray of bool
        What is coded of the whole crop, ``(D, H, W)``.
    """
    step, shape = step_of(step_index), region.shape
    padded, wide = padded_to_four(shape), part.widened(shape)
    offsets = coefficients.offsets or (None,) * len(coefficients.details)
    fine = Coefficients(
        tuple(wide.of(q, 2 << split) for split, q in enumerate(coefficients.details[:2])),
        coefficients.low_pass,
        tuple(None if o is None else wide.of(o, 2 << split) for split, o in enumerate(offsets[:2])),
    )
    above = Coefficients(coefficients.details[2:], coefficients.low_pass, tuple(offsets[2:]))

    def on_device(some: Coefficients, first: int) -> tuple[Tensor, ...]:
        found = decoded_details(model, some, first)
        return tuple(torch.from_numpy(points).to(device) * step for points in found)

    low_pass = torch.from_numpy(coefficients.low_pass.astype(np.float32)).to(device) * step
    low = synthesise(Pyramid(on_device(above, 2), low_pass), tuple(n // UNIT for n in padded))
    finest, finer = on_device(fine, 0)
    z, y, x = (slice(a // UNIT, b // UNIT) for a, b in zip(wide.start, wide.stop, strict=True))
    decoded = merge(merge(low[z, y, x], finer), finest)
    if model.restoration is not None:
        inside = torch.from_numpy(
            np.ascontiguousarray(wide.of(np.pad(region, pads_to_four(shape)), 1))
        )
        decoded = restore(
            model.restoration, decoded, inside.to(device), model.plain_step(step_index)
        )
    return decoded[part.within(wide)]
