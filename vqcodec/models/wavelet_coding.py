"""Frames of a volume to wavelet codes: the quantiser step that fills the budget."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from ..entropy.level_contexts import Coefficients
from ..entropy.levels import LARGEST_VALUE
from ..envelope import dark_level, envelope
from ..frame_grids import CodedFrame, DecodedFrame
from ..frames import PreparedFrame
from ..grids import grids_of, stages_of
from ..header import STEP_INDEX_RANGE, FrameDescription
from ..layout import STEPS_PER_OCTAVE, step_of
from ..rate_control import FALLBACK_QUALITY, step_index_of_quality
from .attempt import Attempt
from .effort import effort_of
from .frame_codec import FrameEncoder
from .psnr_search import search_psnr
from .step_search import TOLERANCE, search_step
from .task import CodingTask
from .wavelet_family import WaveletModel, reconstruct_coefficients

HEADER_BYTES = 170
HEADER_BYTES_PER_FRAME = 45
#: About what stating one voxel of background within the coded region takes.
BYTES_PER_HOLE = 0.25


def code_coefficients(model: WaveletModel, task: CodingTask) -> Attempt:
    """Code the frames at the finest step that the budget allows, or the one that it names.

    Raises
    ------
    LimitExceededError
        If no file is that small, or no step leaves that PSNR.
    """
    started = _started(model, task)
    encoders = [encoder for _, encoder in started if encoder is not None]
    budget, settings = task.budget, effort_of(task.effort)

    def attempt(step_index: int) -> Attempt:
        frames, crops = [], []
        for description, encoder in started:
            coded, x = CodedFrame(description), None
            if encoder is not None:
                coded, coefficients = _frame_at(description, encoder, step_index, task.dtype)
                if budget.psnr is not None:
                    index, inside = coded.description.step_index, encoder.region
                    x = reconstruct_coefficients(model, coefficients, index, inside, task.device)
            frames.append(coded)
            crops.append(None if x is None else x.cpu().numpy())
        used = [
            frame.description.step_index - model.finer_by
            for frame in frames
            if frame.streams is not None
        ]
        finest = all(index < step_index for index in used)
        made = replace(task.finish(frames, finest), step_index=max(used, default=step_index))
        return made if budget.psnr is None else replace(made, psnr=task.fidelity.psnr(crops))

    def expected_bits(step_index: int) -> float:
        kind = settings.is_optimised, model.entropy.is_trellis
        return sum(each.magnitudes.bits(step_index, *kind) for each in encoders)

    def settle(step_index: int) -> None:
        for encoder in encoders:
            encoder.transform(step_of(step_index))

    def predicted(step_index: int) -> float:
        squares = sum(_squared_error(encoder, step_index) for encoder in encoders)
        voxels = sum(np.count_nonzero(encoder.region) for encoder in encoders)
        return -10 * math.log10(max(squares / voxels, 1e-30))

    if budget.psnr is not None:
        return search_psnr(attempt, predicted, budget.psnr)
    if budget.nbytes is not None:
        overhead = task.overhead + HEADER_BYTES + HEADER_BYTES_PER_FRAME * len(started)
        overhead += sum(encoder.expected_mask_bytes for encoder in encoders)
        overhead += round(BYTES_PER_HOLE * sum(encoder.hole_count for encoder in encoders))
        tolerance = settings.leeway if budget.is_default else TOLERANCE
        return search_step(
            attempt, expected_bits, budget.nbytes, budget.is_default, overhead, tolerance, settle
        )
    quality = FALLBACK_QUALITY if budget.quality is None else budget.quality
    return attempt(step_index_of_quality(quality))


def _started(
    model: WaveletModel, task: CodingTask
) -> list[tuple[FrameDescription, FrameEncoder | None]]:
    """Frames with their encoders, whose masks are being coded in a thread from now on."""
    started: list[tuple[FrameDescription, FrameEncoder | None]] = []
    masks = ThreadPoolExecutor(1, "masks")
    try:
        for frame in task.frames:
            encoder = None
            if not frame.description.is_constant:
                encoder = _encoder_of(model, frame, task, masks)
            started.append((frame.description, encoder))
    finally:
        masks.shutdown(wait=False)
    return started


def _encoder_of(
    model: WaveletModel, frame: PreparedFrame, task: CodingTask, masks: ThreadPoolExecutor
) -> FrameEncoder:
    """Encoder of a frame's foreground, or of a simpler region that holds it."""
    x, foreground, described = frame.x_DHW, frame.foreground, frame.description
    region = None if model.entropy.holes is None else envelope(foreground)
    if region is None or described.background is None:
        return FrameEncoder(model, x, foreground, task.device, task.effort, masks)
    holes = region & ~foreground
    background = (described.background - described.offset) / described.scale
    x = np.where(holes, np.float32(max(background, dark_level(x, foreground, holes))), x)
    return FrameEncoder(model, x, region, task.device, task.effort, masks, holes)


def _squared_error(encoder: FrameEncoder, step_index: int) -> float:
    """About the squared error of a frame at a step, in units of the robust range."""
    low_pass = encoder.low_pass.size * step_of(step_index) ** 2 / 12
    return low_pass + encoder.magnitudes.squared_error(step_index)


def _frame_at(
    description: FrameDescription, encoder: FrameEncoder, step_index: int, dtype: np.dtype[Any]
) -> tuple[CodedFrame, Coefficients]:
    """A frame coded at a step (of a plain quantiser), or at the finest one that makes sense.

    That is one at which all coefficients have codes, and for whole numbers one
    whose labels are a quarter of one apart.
    """
    encoder.transform(step_of(step_index))
    peak = max(float(np.abs(part).max()) for part in (*encoder.details, encoder.low_pass))
    octaves = math.log2(LARGEST_VALUE / 2) - math.log2(max(peak, 1e-6))
    if dtype.kind != "f":
        finest_label = math.log2(4 * description.scale)
        octaves = min(octaves, finest_label + encoder.model.entropy.is_trellis)
    finest = math.ceil(STEPS_PER_OCTAVE * octaves)
    low, high = STEP_INDEX_RANGE
    index = max(min(step_index + encoder.model.finer_by, finest, high), low)
    streams, coefficients = encoder.encode(index)
    stages = stages_of(coefficients)
    described = replace(description, step_index=index, stages=stages)
    grids = grids_of(coefficients, stages)
    decoded = DecodedFrame(encoder.region, grids, coefficients.offsets, encoder.holes)
    return CodedFrame(described, streams, decoded), coefficients
