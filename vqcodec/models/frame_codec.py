"""One 3D frame to streams and back, at a given step."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray

from ..background import boundary_faces
from ..entropy.coder import Quantiser
from ..entropy.frame import Streams, encode_background, encode_foreground
from ..entropy.level_contexts import Coefficients, FrameGeometry, frame_geometry
from ..entropy.levels import Look, encode_levels
from ..entropy.split_model import SplitModel
from ..entropy.tiling import Tiling
from ..layout import pads_to_four, step_of
from .effort import DEFAULT_EFFORT, effort_of, trade_at, trellis_trade_at
from .expected_size import Magnitudes, magnitudes_of
from .fill import fill_background
from .foreground_weights import foreground_weights
from .quantise import Targets, deadzone_quantiser, rate_distortion_quantiser
from .trellis_quantiser import greedy_quantiser, trellis_quantiser
from .wavelet import analyse
from .wavelet_family import WaveletModel, decoded_details, reconstruct_coefficients

REFILL_RATIO = 1.12
SURVEY_STEP, SURVEY_ITERATIONS = 0.1, 2
REFINEMENT_RATE = 0.7
LEAST_WEIGHT = 0.1
#: Faces between a voxel that is coded and one that is not; from 0.051 to 0.057 in 13 scans.
MASK_BYTES_PER_FACE = 0.0535
#: Below, every error counts in full: so are whole numbers met exactly.
FINEST_WEIGHTED_STEP = 1 / 256

Details = tuple[NDArray[np.float32], ...]


@dataclass
class FrameEncoder:
    """A frame ready to be coded at any step; the transform is kept between attempts.

    Attributes
    ----------
    model : WaveletModel
    x_DHW : ndarray of float32
        Padded crop in units of the robust range.
    region : ndarray of bool
        What is coded of the unpadded crop, ``(D, H, W)``.
    device : torch.device
        Where transform and restoration run.
    effort : int
        1 (fast) to 9 (small files).
    pool : Executor, optional
        Codes the mask beside the transform, which can use the other cores.
    holes : ndarray of bool, optional
        Background within the region; its voxels are coded like others and then set to it.
    """

    model: WaveletModel
    x_DHW: NDArray[np.float32]
    region: NDArray[np.bool_]
    device: torch.device
    effort: int = DEFAULT_EFFORT
    pool: Executor | None = None
    holes: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        self.settings = effort_of(self.effort)
        padded = np.pad(self.x_DHW, pads_to_four(self.x_DHW.shape), mode="edge")
        self._x = torch.from_numpy(padded).to(self.device)
        self.geometry: FrameGeometry = frame_geometry(self.region)
        code_mask = partial(encode_foreground, self.model.entropy.mask, self.region)
        self._mask = code_mask if self.pool is None else self.pool.submit(code_mask).result
        self._is_whole = bool(self.geometry.foreground.all())
        self._filled: torch.Tensor | None = None
        self._filled_for = 0.0
        self.details: Details = ()
        self.low_pass = np.zeros(0, np.float32)
        self._magnitudes: Magnitudes | None = None
        self._weights: Details | None = None
        if self.settings.is_weighted and not self.region.all():
            seen = torch.from_numpy(self.geometry.foreground).to(self.device)
            self._weights = tuple(w.cpu().numpy() for w in foreground_weights(seen))

    @property
    def hole_count(self) -> int:
        """Voxels of background within the region."""
        return 0 if self.holes is None else int(np.count_nonzero(self.holes))

    @property
    def expected_mask_bytes(self) -> int:
        """About the length of :attr:`mask_stream`, without waiting for it."""
        return round(boundary_faces(self.region) * MASK_BYTES_PER_FACE)

    @cached_property
    def mask_stream(self) -> bytes:
        """The coded foreground."""
        return self._mask()

    def transform(self, step: float) -> None:
        """Compute the coefficients, unless those at hand were made for about this step."""
        ratio = step / self._filled_for if self._filled_for else np.inf
        if self.details and (self._is_whole or 1 / REFILL_RATIO <= ratio <= REFILL_RATIO):
            return
        iterations = self.settings.fill_iterations
        self._analyse(step, -(-iterations // 2) if self._filled_for else iterations)
        self._filled_for = step

    def _analyse(self, step: float, iterations: int) -> None:
        """Transform; the background's fill goes on from that for an earlier step."""
        if not self._is_whole:
            care = torch.from_numpy(self.geometry.foreground).to(self.device)
            self._filled = fill_background(self._x, care, step, iterations, self._filled)
        pyramid = analyse(self._x if self._filled is None else self._filled)
        self.details = tuple(d.cpu().numpy() for d in pyramid.details)
        self._magnitudes = None
        self.low_pass = pyramid.low_pass.cpu().numpy()

    @property
    def magnitudes(self) -> Magnitudes:
        """What rate and error are estimated from, of the coefficients at hand or a survey's."""
        if not self.details:
            self._analyse(SURVEY_STEP, SURVEY_ITERATIONS)
        if self._magnitudes is None:
            self._magnitudes = magnitudes_of(self.details, self.geometry.support)
        return self._magnitudes

    def encode(self, step_index: int) -> tuple[Streams, Coefficients]:
        """Code the frame at a step of the lattice."""
        self.transform(self.model.plain_step(step_index))
        best = self._encode(step_index, self.details)
        if not self.settings.refinements:
            return best
        error, least = self._judged(step_index, *best)
        tried = best
        for _ in range(self.settings.refinements):
            tried = self._encode(step_index, self._corrected(step_index, tried[1], error))
            error, cost = self._judged(step_index, *tried)
            if cost >= least:
                break
            best, least = tried, cost
        return best

    def _encode(self, step_index: int, details: Details) -> tuple[Streams, Coefficients]:
        step = step_of(step_index)
        low_pass = np.rint(self.low_pass / step).astype(np.int32)

        def quantiser(split: int, group: SplitModel, tiling: Tiling, look: Look) -> Quantiser:
            targets = self.targets(split, details, tiling, step)
            return self.quantiser(split, group, targets, step_index, look)

        levels, coefficients = encode_levels(
            self.model.entropy, self.geometry, step_index, low_pass, quantiser
        )
        entropy, region = self.model.entropy, self.region
        holes = encode_background(entropy, coefficients, region, self.holes, step_index)
        return Streams(self.mask_stream, levels, holes), coefficients

    def quantiser(
        self, split: int, group: SplitModel, targets: Targets, step_index: int, look: Look
    ) -> Quantiser:
        """What chooses the codes of a split."""
        step, codebook = step_of(step_index), self.model.codebooks[split]
        if group.trellis is not None:
            if not self.settings.is_optimised:
                return greedy_quantiser(targets)
            trade = trellis_trade_at(step)
            return trellis_quantiser(targets, group, group.trellis, codebook, trade, look)
        if not self.settings.is_optimised:
            return deadzone_quantiser(targets)
        return rate_distortion_quantiser(targets, group, codebook, trade_at(step))

    def targets(self, split: int, details: Details, tiling: Tiling, step: float) -> Targets:
        """What is to be coded of a split."""
        weights = None
        if self._weights is not None and step >= FINEST_WEIGHTED_STEP:
            weights = tiling.cut(self._weights[split])
        return Targets(tiling.cut(details[split]) * np.float32(1 / step), weights)

    def _judged(
        self, step_index: int, streams: Streams, coefficients: Coefficients
    ) -> tuple[NDArray[np.float32], float]:
        """Error of every foreground voxel, and the cost that is to be made small."""
        decoded = reconstruct_coefficients(
            self.model, coefficients, step_index, self.region, self.device
        )
        seen = self.region if self.holes is None else self.region & ~self.holes
        error = np.where(seen, self.x_DHW - decoded.cpu().numpy(), 0).astype(np.float32)
        step = self.model.plain_step(step_index)
        squared = float(np.square(error / step, dtype=np.float64).sum())
        return error, squared + 8 * trade_at(step) * len(streams)

    def _corrected(
        self, step_index: int, coefficients: Coefficients, error: NDArray[np.float32]
    ) -> Details:
        """What was decoded, moved against its error."""
        padded = torch.from_numpy(np.pad(error, pads_to_four(error.shape)))
        moves = analyse(padded.to(self.device)).details
        step = np.float32(step_of(step_index))
        details = []
        for split, (decoded, move) in enumerate(
            zip(decoded_details(self.model, coefficients), moves, strict=True)
        ):
            rate = np.float32(REFINEMENT_RATE)
            if self._weights is not None:
                rate = rate / np.maximum(self._weights[split], np.float32(LEAST_WEIGHT))
            details.append(decoded * step + rate * move.cpu().numpy())
        return tuple(details)
