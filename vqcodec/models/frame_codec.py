"""One 3D frame to streams and back, at a given step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..entropy.coder import Quantiser, SplitModel
from ..entropy.frame import (
    Coefficients,
    FrameGeometry,
    Streams,
    encode_foreground,
    encode_levels,
    frame_geometry,
)
from ..layout import padded_to_four, step_of
from .quantise import RateDistortion, rate_distortion_quantiser
from .wavelet import Pyramid
from .wavelet_family import WaveletModel, analyse_frame

REFILL_RATIO = 1.12


@dataclass
class FrameEncoder:
    """A frame ready to be coded at any step; the transform is kept between attempts.

    Attributes
    ----------
    model : WaveletModel
    x_DHW : ndarray of float32
        Padded crop in units of the robust range.
    foreground : ndarray of bool
        ``(D, H, W)`` of the unpadded crop.
    device : torch.device
        Where the transform runs.
    settings : RateDistortion
    """

    model: WaveletModel
    x_DHW: NDArray[np.float32]
    foreground: NDArray[np.bool_]
    device: torch.device
    settings: RateDistortion

    def __post_init__(self) -> None:
        pads = [
            (0, p - n)
            for p, n in zip(padded_to_four(self.x_DHW.shape), self.x_DHW.shape, strict=True)
        ]
        self._x = torch.from_numpy(np.pad(self.x_DHW, pads, mode="edge")).to(self.device)
        self.geometry: FrameGeometry = frame_geometry(self.foreground)
        self.mask_stream = encode_foreground(self.model.entropy.mask, self.foreground)
        self._filled_for = 0.0
        self.details: tuple[NDArray[np.float32], ...] = ()
        self.low_pass = np.zeros(0, np.float32)

    def transform(self, step: float) -> None:
        """Compute the coefficients, unless those at hand were made for about this step."""
        is_masked = not self.geometry.foreground.all()
        ratio = step / self._filled_for if self._filled_for else np.inf
        if self.details and (not is_masked or 1 / REFILL_RATIO <= ratio <= REFILL_RATIO):
            return
        pyramid: Pyramid = analyse_frame(self._x, self.geometry, step)
        self.details = tuple(d.cpu().numpy() for d in pyramid.details)
        self.low_pass = pyramid.low_pass.cpu().numpy()
        self._filled_for = step

    def significant(self, step: float) -> int:
        """Coded coefficients whose magnitude is above 0.6 steps: a stand-in for the rate."""
        if not self.details:
            self.transform(step)
        return sum(
            int(np.count_nonzero((np.abs(d) > 0.6 * step) & s))
            for d, s in zip(self.details, self.geometry.support, strict=True)
        )

    def encode(self, step_index: int) -> tuple[Streams, Coefficients]:
        """Code the frame at a step."""
        step = step_of(step_index)
        self.transform(step)
        low_pass = np.rint(self.low_pass / step).astype(np.int32)
        inverse = np.float32(1 / step)

        def quantiser(split: int, group: SplitModel) -> Quantiser:
            points = self.model.codebooks[split]
            scaled = self.details[split] * inverse
            return rate_distortion_quantiser(scaled, group, points, self.settings)

        levels, coefficients = encode_levels(
            self.model.entropy, self.geometry, step_index, low_pass, quantiser
        )
        return Streams(self.mask_stream, levels), coefficients
