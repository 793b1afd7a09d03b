"""One volume to the container that holds its codes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .assembly import assemble
from .conform import orientation_of
from .errors import LimitExceededError
from .formats.container import Container, pack
from .formats.sections import Section, SectionKind
from .formats.volumes import Volume, header_section, stored_zero
from .frame_grids import CodedFrame
from .frames import constant_frame, frames_of, prepare_frame
from .models.attempt import Attempt
from .models.families import code_frames
from .models.fidelity import Fidelity
from .models.task import CodingTask
from .networks import network_on
from .nonfinite import encode_nonfinite
from .rate_control import Budget
from .registry import LoadedModel
from .vqz import entropy_model_of


def without_codes(source: Volume, loaded: LoadedModel) -> Container:
    """A file of constant frames."""
    orientation = orientation_of(source.affine)
    flat = constant_frame(stored_zero(source))
    frames = [CodedFrame(flat) for _ in frames_of(source.array, orientation)]
    fixed = [Section(SectionKind.VOLUME_HEADER, 0, header_section(source))]
    entropy = entropy_model_of(loaded).entropy_id
    return assemble(source, orientation, loaded, entropy, frames, fixed)


def coded(
    source: Volume, loaded: LoadedModel, budget: Budget, effort: int, device: torch.device
) -> Attempt:
    """The file within a budget, without its figures.

    Raises
    ------
    LimitExceededError
        No file as small, or as faithful, as asked for is possible.
    """
    model = network_on(loaded, device)
    orientation = orientation_of(source.affine)
    zero = stored_zero(source)
    fixed = [Section(SectionKind.VOLUME_HEADER, 0, header_section(source))]
    prepared = []
    for index, stored in enumerate(frames_of(source.array, orientation)):
        frame = prepare_frame(stored, zero)
        if frame.description.nonfinite:
            data = encode_nonfinite(stored, frame.background, model.entropy.mask)
            fixed.append(Section(SectionKind.NONFINITE, index, data))
        prepared.append(frame)
    if budget.psnr is not None and all(frame.description.is_constant for frame in prepared):
        raise LimitExceededError("comes back exactly, as it is constant: it has no PSNR to aim at")

    def finish(frames: Sequence[CodedFrame], is_finest: bool) -> Attempt:
        container = assemble(source, orientation, loaded, entropy, frames, fixed)
        decoded = tuple(frame.decoded for frame in frames)
        return Attempt(container, len(pack(container)), is_finest, decoded=decoded)

    entropy = model.entropy.entropy_id
    overhead = sum(len(section.data) for section in fixed)
    task = CodingTask(
        frames=prepared,
        dtype=source.array.dtype,
        device=device,
        budget=budget,
        effort=effort,
        overhead=overhead,
        fidelity=Fidelity(source, orientation, prepared),
        finish=finish,
    )
    return code_frames(model, task)
