"""Putting coded frames, header and figures together into a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from . import __version__
from .conform import Orientation
from .formats.canonical_json import canonical_json
from .formats.container import Container
from .formats.deflated_text import deflated
from .formats.preamble import HOLES_FEATURE, PACKED_FEATURE
from .formats.sections import Section, SectionKind
from .formats.volumes import Volume
from .frame_grids import CodedFrame
from .frame_sections import LEVEL_KINDS
from .grids import codes_sha256
from .header import (
    FAMILIES,
    Header,
    ModelReference,
    VolumeDescription,
    claimed_voxels,
)
from .limits import DEFAULT_LIMITS
from .registry import LoadedModel


def assemble(
    source: Volume,
    orientation: Orientation,
    model: LoadedModel,
    entropy: str,
    frames: Sequence[CodedFrame],
    fixed: Sequence[Section],
) -> Container:
    """Container of a whole volume.

    Parameters
    ----------
    entropy : str
        Id of the model's entropy coder.
    fixed : sequence of Section
        Sections that do not depend on the step.
    """
    sections, features = list(fixed), PACKED_FEATURE
    for index, frame in enumerate(frames):
        if frame.streams is None:
            continue
        if frame.streams.mask:
            sections.append(Section(SectionKind.MASK, index, frame.streams.mask))
        if frame.streams.holes is not None:
            sections.append(Section(SectionKind.HOLES, index, frame.streams.holes))
            features |= HOLES_FEATURE
        sections += [
            Section(kind, index, data)
            for kind, data in zip(LEVEL_KINDS, frame.streams.levels, strict=True)
        ]
    volume = VolumeDescription(
        source.array.shape,
        source.array.dtype.str,
        orientation.axes,
        orientation.flips,
        source.format,
        source.suffix,
    )
    header = Header(
        codes_sha256=codes_sha256(frame.decoded.grids for frame in frames),
        family=model.family,
        entropy=entropy,
        model=ModelReference(model.id, model.sha256),
        software=f"vqcodec {__version__}",
        volume=volume,
        frames=tuple(frame.description for frame in frames),
    )
    container = Container(header.to_json(), tuple(sections), incompatible=features)
    return padded(container, header)


def with_figures(container: Container, figures: Mapping[str, Any]) -> Container:
    """The finished file."""
    text = canonical_json(dict(figures))
    data = deflated(text) if container.is_packed else text
    section = Section(SectionKind.FIGURES, 0, data)
    sections = sorted((*container.sections, section), key=lambda each: (each.frame, each.kind))
    return replace(container, sections=tuple(sections))


def padded(container: Container, header: Header) -> Container:
    """Make a file large enough to be believed: see ``Limits.voxels_per_byte``."""
    voxels = claimed_voxels(header.volume, FAMILIES[header.family], header.frames)
    needed = -(-(voxels - DEFAULT_LIMITS.voxels_free) // DEFAULT_LIMITS.voxels_per_byte)
    missing = needed - sum(len(section.data) for section in container.sections)
    if missing <= 0:
        return container
    padding = Section(SectionKind.PADDING, 0, bytes(missing))
    return replace(container, sections=(*container.sections, padding))
