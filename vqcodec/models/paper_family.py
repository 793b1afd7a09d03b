"""Compression with the paper's VQ-VAE: volumes to tokens and back."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..entropy.code_coder import Codes, encode_codes
from ..entropy.code_model import CodeModel, code_model, has_code_model
from ..entropy.frame import Streams, encode_foreground
from ..errors import ModelUnavailableError
from ..frame_grids import CodedFrame, DecodedFrame, padded_foreground
from ..frames import PreparedFrame
from ..grids import Grid
from ..layout import LEVEL_NAMES, site_padding
from .attempt import Attempt
from .paper import PaperNetwork, config_from_json
from .paper.config import stage_prefix
from .stage_choice import search_stages
from .task import CodingTask
from .token_choice import TokenPicker, token_picker


@dataclass(frozen=True, eq=False)
class PaperModel:
    """A loaded model of the family; the network computes in float32."""

    network: PaperNetwork
    entropy: CodeModel


def paper_model(config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> PaperModel:
    """Build a model from the contents of a weights file.

    Raises
    ------
    ModelUnavailableError
        A tensor is missing or of the wrong shape.
    """
    if not has_code_model(tensors):
        raise ModelUnavailableError(
            "the model holds no entropy tables: write it with vqz train export --pack"
        )
    settings = {name: value for name, value in config.items() if name != "family"}
    try:
        with torch.random.fork_rng(devices=[]):
            network = PaperNetwork(config_from_json(settings))
    except ValueError as error:
        raise ModelUnavailableError(f"the model's configuration is wrong: {error}") from error
    state = network.state_dict()
    needed = {name for name, _ in network.named_parameters()}
    needed |= {name for name in state if name.endswith(".entries")}
    for name in sorted(needed):
        if name not in tensors or tensors[name].shape != tuple(state[name].shape):
            raise ModelUnavailableError(f"weights hold no tensor {name!r} of the right shape")
        state[name] = torch.from_numpy(tensors[name].astype(np.float32))
    network.load_state_dict(state)
    return PaperModel(network.eval().requires_grad_(False), code_model(tensors))


def paper_model_on(model: PaperModel, device: torch.device) -> PaperModel:
    """The model with its network on a device."""
    return replace(model, network=copy.deepcopy(model.network).to(device))


def code_tokens(model: PaperModel, task: CodingTask) -> Attempt:
    """Code the frames with as many stages as the budget allows, or as few as reach its PSNR.

    Raises
    ------
    LimitExceededError
        If even one code a site is too much, or all of them are not enough.
    """
    encoders = [
        None if frame.description.is_constant else _FrameEncoder(model, frame, task.device)
        for frame in task.frames
    ]

    def attempt(stages: tuple[int, int, int], is_finest: bool) -> Attempt:
        frames = [
            CodedFrame(frame.description) if encoder is None else encoder.coded(stages)
            for frame, encoder in zip(task.frames, encoders, strict=True)
        ]
        made = task.finish(frames, is_finest)
        if task.budget.psnr is None:
            return made
        crops = [
            None if encoder is None else encoder.decoded(frame.decoded.grids)
            for frame, encoder in zip(frames, encoders, strict=True)
        ]
        return replace(made, psnr=task.fidelity.psnr(crops))

    return search_stages(attempt, _prefixes(model.network), task.budget)


def _prefixes(network: PaperNetwork) -> list[tuple[int, int, int]]:
    """Stages of fine, middle and coarse to choose from, fewest first."""
    most = max(network.config.stages)
    found = [stage_prefix(network.config, count / most) for count in range(1, most + 1)]
    return list(dict.fromkeys(found))


class _FrameEncoder:
    """A frame whose features are known, to be coded with any number of stages."""

    def __init__(
        self,
        model: PaperModel,
        frame: PreparedFrame,
        device: torch.device,
    ) -> None:
        self.model, self.frame, self.device = model, frame, device
        self.foreground = padded_foreground(frame.foreground)
        self.mask_stream = encode_foreground(model.entropy.mask, frame.foreground)
        amounts = site_padding(frame.x_DHW.shape)
        is_masked = not frame.foreground.all()
        x_DHW = np.pad(frame.x_DHW, amounts, mode="constant" if is_masked else "edge")
        with torch.no_grad():
            x = torch.from_numpy(x_DHW).to(device)[None, None]
            self.features: dict[str, Tensor] = model.network.encoder(x)

    def coded(self, stages: tuple[int, int, int]) -> CodedFrame:
        """Codes and streams with some stages of fine, middle and coarse."""
        counts = dict(zip(LEVEL_NAMES, stages, strict=True))
        seen: Tensor | None = None

        @torch.no_grad()
        def choose(name: str, coarser: Mapping[str, Codes]) -> TokenPicker:
            nonlocal seen
            quantised = None
            if coarser:
                above = LEVEL_NAMES[LEVEL_NAMES.index(name) + 1]
                codes = torch.from_numpy(coarser[above]).to(self.device)[None]
                quantised = self.model.network.quantiser_of(above).decode(codes)
            condition = self.model.network.condition_of(name)
            seen = condition.look_up(quantised, seen)
            latents = condition(self.features[name], seen)
            return token_picker(latents, self.model.network.quantiser_of(name), counts[name])

        coded = encode_codes(self.model.entropy, self.foreground, choose)
        fine, middle, coarse = (coded.streams[name] for name in LEVEL_NAMES)
        described = replace(self.frame.description, step_index=0, stages=stages)
        streams = Streams(self.mask_stream, (fine, middle, coarse))
        return CodedFrame(described, streams, DecodedFrame(self.frame.foreground, coded.codes))

    def decoded(self, grids: Mapping[str, Grid]) -> NDArray[np.float32]:
        """What the decoder will make of some codes: see :func:`reconstruct_tokens`."""
        decoded = DecodedFrame(self.frame.foreground, grids)
        x: NDArray[np.float32] = reconstruct_tokens(self.model, decoded, self.device).cpu().numpy()
        return x


def reconstruct_tokens(model: PaperModel, decoded: DecodedFrame, device: torch.device) -> Tensor:
    """Decoder network on the looked-up codes.

    Returns
    -------
    Tensor
        Float volume ``(D, H, W)`` of the crop on ``device``, in units of the robust range.
    """
    codes = {name: torch.from_numpy(grid).to(device)[None] for name, grid in decoded.grids.items()}
    sides = decoded.region.shape
    x: Tensor = model.network.decode(codes, sides)[0, 0]
    return x
