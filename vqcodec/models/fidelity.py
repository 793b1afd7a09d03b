"""How close what is coded comes to its source, while the encoder is still trying."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conform import Orientation
from ..figures import psnr_in_foreground
from ..formats.volumes import Volume, scaled_values, scaled_zero
from ..frames import PreparedFrame, array_of, empty_frame, restored_frame


@dataclass(frozen=True)
class Fidelity:
    """A volume to compare decoded crops of its frames with.

    Attributes
    ----------
    source : Volume
    orientation : Orientation
        Of its array in the RAS frame.
    frames : sequence of PreparedFrame
        All frames of the volume.
    """

    source: Volume
    orientation: Orientation
    frames: Sequence[PreparedFrame]

    def psnr(self, crops: Sequence[NDArray[np.float32] | None]) -> float:
        """PSNR in the foreground that a file's figures would state, in dB.

        Clipping and the rounding to stored values are counted in; voxels that are not finite
        are left out.

        Parameters
        ----------
        crops : sequence of (ndarray of float32 or None)
            Decoded crop of each frame, ``(D, H, W)`` in units of the robust range; None for a
            constant one.

        Returns
        -------
        float
            ``inf`` where all is exact, ``nan`` where there is no foreground.
        """
        array = self.source.array
        stored = array_of(self._stored(crops), array.shape, array.dtype, self.orientation)
        return self._psnr_of(scaled_values(replace(self.source, array=stored)))

    @cached_property
    def _psnr_of(self) -> Callable[[NDArray[Any]], float]:
        return psnr_in_foreground(scaled_values(self.source), scaled_zero(self.source))

    def _stored(self, crops: Sequence[NDArray[np.float32] | None]) -> Iterator[NDArray[Any]]:
        sides = (*self.source.array.shape, 1, 1)
        z, y, x = (sides[axis] for axis in self.orientation.axes)
        dtype = self.source.array.dtype
        for frame, crop in zip(self.frames, crops, strict=True):
            if crop is None:
                yield empty_frame(frame.description, (z, y, x), dtype)
            else:
                yield restored_frame(crop, frame.foreground, frame.description, (z, y, x), dtype)
