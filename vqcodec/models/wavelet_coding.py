"""Frames of a volume to wavelet codes: the quantiser step that fills the budget."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ..entropy.frame import LARGEST_VALUE
from ..frame_grids import CodedFrame
from ..grids import grids_of, stages_of
from ..header import STEP_INDEX_RANGE, FrameDescription
from ..layout import STEPS_PER_OCTAVE, step_of
from ..rate_control import Attempt, search_step
from .frame_codec import FrameEncoder
from .quantise import RateDistortion
from .task import CodingTask
from .wavelet_family import WaveletModel


def code_coefficients(model: WaveletModel, task: CodingTask) -> Attempt:
    """Code the frames at the finest step that the budget allows.

    Raises
    ------
    LimitExceededError
        If no file is that small.
    """
    started: list[tuple[FrameDescription, FrameEncoder | None]] = []
    for frame in task.frames:
        encoder = None
        if not frame.description.is_constant:
            trade = RateDistortion()
            encoder = FrameEncoder(model, frame.x_DHW, frame.foreground, task.device, trade)
        started.append((frame.description, encoder))
    encoders = [encoder for _, encoder in started if encoder is not None]

    def attempt(step_index: int) -> Attempt:
        frames = [
            CodedFrame(description)
            if encoder is None
            else _frame_at(description, encoder, step_index, task.dtype)
            for description, encoder in started
        ]
        finest = all(frame.description.step_index < step_index for frame in frames)
        return task.finish(frames, finest)

    def significant(step: float) -> int:
        return sum(encoder.significant(step) for encoder in encoders)

    overhead = task.overhead + sum(len(encoder.mask_stream) for encoder in encoders)
    return search_step(attempt, significant, task.budget, overhead)


def _frame_at(
    description: FrameDescription, encoder: FrameEncoder, step_index: int, dtype: np.dtype[Any]
) -> CodedFrame:
    """A frame coded at a step, or at the finest one that makes sense.

    That is one at which all coefficients have codes, and for whole numbers a quarter of one.
    """
    encoder.transform(step_of(step_index))
    peak = max(float(np.abs(part).max()) for part in (*encoder.details, encoder.low_pass))
    octaves = math.log2(LARGEST_VALUE / 2) - math.log2(max(peak, 1e-6))
    if dtype.kind != "f":
        octaves = min(octaves, math.log2(4 * description.scale))
    finest = math.ceil(STEPS_PER_OCTAVE * octaves)
    index = max(min(step_index, finest), STEP_INDEX_RANGE[0])
    streams, coefficients = encoder.encode(index)
    stages = stages_of(coefficients)
    described = replace(description, step_index=index, stages=stages)
    return CodedFrame(described, streams, grids_of(coefficients, stages))
