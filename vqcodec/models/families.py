"""The network families: one interface to whatever a model's weights are of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ModelUnavailableError
from ..frame_grids import DecodedFrame
from ..grids import coefficients_of
from ..header import FrameDescription
from .attempt import Attempt
from .paper_family import (
    PaperModel,
    code_tokens,
    paper_model,
    paper_model_on,
    reconstruct_tokens,
)
from .task import CodingTask
from .wavelet_coding import code_coefficients
from .wavelet_family import (
    WaveletModel,
    reconstruct_coefficients,
    wavelet_model,
    wavelet_model_on,
)

Model = WaveletModel | PaperModel


def build_model(
    family: str, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]
) -> Model:
    """Build a model from the contents of a weights file.

    Raises
    ------
    ModelUnavailableError
        The family is not one that compresses volumes, or the tensors do not fit it.
    """
    if family == "wavelet":
        return wavelet_model(tensors)
    if family == "paper":
        return paper_model(config, tensors)
    raise ModelUnavailableError(f"no volume is compressed with models of family {family!r}")


def model_on(model: Model, device: torch.device) -> Model:
    """A model as built, which is on the CPU, or a copy of it on another device.

    Context networks go to CUDA devices only, as others may lack float64. Codes do not depend on
    where their networks are: see :mod:`vqcodec.models.device_networks`.
    """
    if device.type == "cpu":
        return model
    if isinstance(model, WaveletModel):
        return wavelet_model_on(model, device, with_contexts=device.type == "cuda")
    return paper_model_on(model, device)


def code_frames(model: Model, task: CodingTask) -> Attempt:
    """Code the frames of a volume, as well as the budget allows.

    Raises
    ------
    LimitExceededError
        If no file is as small as the budget.
    """
    if isinstance(model, WaveletModel):
        return code_coefficients(model, task)
    return code_tokens(model, task)


def reconstruct_frame(
    model: Model, decoded: DecodedFrame, frame: FrameDescription, device: torch.device
) -> Tensor:
    """Volume ``(D, H, W)`` of a frame's crop, in units of the robust range, on a device."""
    if isinstance(model, WaveletModel):
        coefficients = replace(coefficients_of(decoded.grids), offsets=decoded.offsets)
        region, index = decoded.region, frame.step_index
        return reconstruct_coefficients(model, coefficients, index, region, device)
    return reconstruct_tokens(model, decoded, device)
