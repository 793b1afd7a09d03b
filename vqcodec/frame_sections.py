"""Which sections a file holds for the frames that its header tells of. Torch-free."""

from __future__ import annotations

from .entropy.frame import Streams
from .errors import FormatError
from .formats.container import Container
from .formats.preamble import EXACT_FEATURE, HOLES_FEATURE
from .formats.sections import SectionKind
from .header import Header

LEVEL_KINDS = (SectionKind.FINE, SectionKind.MIDDLE, SectionKind.COARSE)


def check_sections(container: Container, header: Header) -> None:
    """Hold sections and features against the header.

    Raises
    ------
    FormatError
        A section is missing, or one too many; or a feature bit says something else.
    """
    frames = len(header.frames)
    if bool(container.incompatible & EXACT_FEATURE) != (header.voxels is not None):
        raise FormatError("feature bit 1 and the header's promise of voxels do not agree")
    kinds = {section.kind for section in container.sections}
    if bool(container.incompatible & HOLES_FEATURE) != (SectionKind.HOLES in kinds):
        raise FormatError("feature bit 2 and the sections of holes do not agree")
    for section in container.sections:
        if section.frame >= frames:
            raise FormatError(f"holds a section of frame {section.frame}, of {frames}")
    for index, frame in enumerate(header.frames):
        if not frame.is_constant:
            for kind in LEVEL_KINDS:
                container.section(kind, index)
        if header.voxels is not None:
            container.section(SectionKind.RESIDUAL, index)
        if container.has(SectionKind.HOLES, index) and (
            frame.is_constant or frame.background is None
        ):
            raise FormatError(f"has holes without background, frame {index}")
        if bool(frame.nonfinite) != container.has(SectionKind.NONFINITE, index):
            raise FormatError(f"counts and places of non-finite voxels differ, frame {index}")


def streams_of(container: Container, header: Header, index: int) -> Streams:
    """Coded streams of a frame; all empty where it is constant."""
    if header.frames[index].is_constant:
        return Streams(b"", (b"", b"", b""))
    has_mask = container.has(SectionKind.MASK, index)
    fine, middle, coarse = (container.section(kind, index) for kind in LEVEL_KINDS)
    mask = container.section(SectionKind.MASK, index) if has_mask else b""
    has_holes = container.has(SectionKind.HOLES, index)
    holes = container.section(SectionKind.HOLES, index) if has_holes else None
    return Streams(mask, (fine, middle, coarse), holes)
