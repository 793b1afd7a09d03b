"""The section that holds a volume's header in a VQZ file."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import nibabel as nib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqcodec.errors import FormatError, UnsupportedError, VqzError
from vqcodec.formats.volumes import (
    Volume,
    header_section,
    read_volume_bytes,
    volume_from_array,
    volume_from_header_section,
)

from .making import AFFINE, nifti_bytes, numbers

VOLUME = read_volume_bytes(nifti_bytes(numbers((5, 4, 3))), ".nii.gz")
ARRAY = volume_from_array(numbers((5, 4, 3)), AFFINE)


def _description(volume: Volume, **other: Any) -> dict[str, Any]:
    return {
        "format": volume.format,
        "suffix": volume.suffix,
        "shape": list(volume.array.shape),
        "dtype": volume.array.dtype.str,
        **other,
    }


def _section(*parts: bytes) -> bytes:
    return b"\0" + struct.pack("<4I", *map(len, parts)) + b"".join(parts)


def test_layout_of_the_section() -> None:
    section = header_section(VOLUME)
    assert section[0] == 1
    plain = zlib.decompress(section[1:])
    assert plain == struct.pack("<4I", 352, 0, 0, 0) + VOLUME.header_bytes
    assert len(section) < 200
    described = volume_from_header_section(b"\0" + plain, _description(VOLUME), VOLUME.array)
    assert described.header_bytes == VOLUME.header_bytes


@pytest.mark.parametrize(
    "section",
    [
        b"",
        b"\0",
        b"\2" + bytes(16),
        b"\1not zlib",
        b"\1" + zlib.compress(bytes(16))[:-2],
        b"\1" + zlib.compress(bytes(16)) + b"more",
        b"\0" + struct.pack("<4I", 2**32 - 1, 0, 0, 0),
        _section(VOLUME.header_bytes, b"", b"", b"x"),
        _section(VOLUME.header_bytes, b"footer", b"", b""),
        _section(VOLUME.header_bytes, b"", b"prefix", b""),
        _section(VOLUME.header_bytes + b"\0", b"", b"", b""),
        _section(VOLUME.header_bytes[:-1], b"", b"", b""),
        _section(VOLUME.header_bytes[:300], b"", b"", b""),
        _section(b"", b"", b"", b""),
        _section(VOLUME.header_bytes, b"", b"", b"\xff" * 128),
    ],
)
def test_damaged_sections(section: bytes) -> None:
    with pytest.raises(FormatError):
        volume_from_header_section(section, _description(VOLUME), VOLUME.array)


@pytest.mark.parametrize(
    "other",
    [
        {"shape": [5, 4, 4]},
        {"dtype": ">i2"},
        {"format": "nifti2"},
        {"format": "mgh"},
        {"format": "nifti1-pair"},
        {"suffix": ".mgz"},
        {"suffix": "/../../x"},
        {"suffix": ""},
    ],
)
def test_descriptions_that_contradict(other: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        volume_from_header_section(
            header_section(VOLUME), _description(VOLUME, **other), VOLUME.array
        )


def test_array_that_contradicts() -> None:
    with pytest.raises(FormatError, match="contradicts"):
        volume_from_header_section(
            header_section(VOLUME), _description(VOLUME), VOLUME.array.astype("<i4")
        )


def test_unknown_volume_format() -> None:
    with pytest.raises(UnsupportedError, match="'nrrd'"):
        volume_from_header_section(
            header_section(VOLUME), _description(VOLUME, format="nrrd"), VOLUME.array
        )


def test_small_sections_cannot_inflate_without_bound() -> None:
    bomb = b"\1" + zlib.compress(bytes(80 << 20), 9)
    with pytest.raises(FormatError):
        volume_from_header_section(bomb, _description(VOLUME), VOLUME.array)


def test_tags_after_mgh_voxels_are_carried() -> None:
    data = nib.MGHImage(numbers((5, 4, 3), ">i2"), AFFINE).to_bytes() + b"tags" * 5000
    volume = read_volume_bytes(data, ".mgz")
    section = header_section(volume)
    assert len(section) < 400
    again = volume_from_header_section(section, _description(volume), volume.array)
    assert again.footer_bytes == volume.footer_bytes


@given(st.binary(max_size=60), st.integers(0, 400), st.sampled_from([VOLUME, ARRAY]))
def test_only_documented_errors(patch: bytes, start: int, volume: Volume) -> None:
    parts = (volume.header_bytes, b"", b"", b"")
    section = bytearray(_section(*parts))
    section[start : start + len(patch)] = patch
    for damaged in (bytes(section), patch):
        try:
            again = volume_from_header_section(damaged, _description(volume), volume.array)
        except VqzError as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert again.array.shape == volume.array.shape
