"""A stand-in codec that keeps every voxel: the command line is tested without networks."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import nibabel
import numpy as np
import pytest

import vqcodec
from vqcodec.cli.main import main
from vqcodec.formats.atomic import write_atomically
from vqcodec.formats.canonical_json import canonical_json
from vqcodec.formats.container import Container, pack, unpack
from vqcodec.formats.sections import Section, SectionKind
from vqcodec.formats.volumes import (
    Volume,
    header_section,
    read_volume,
    volume_from_header_section,
    write_volume,
)
from vqcodec.formats.volumes import volume_from_array as from_array
from vqcodec.header import FAMILIES, FrameDescription, Header, ModelReference, VolumeDescription

NOTHING = (0, 0, 0)
CONSTANT = FrameDescription(0, 1, 0, 0, None, NOTHING, NOTHING, 0, NOTHING, 0)


@dataclass
class StandInVqz:
    """What the command line uses of a VQZ."""

    container: Container
    figures: dict[str, Any] = field(default_factory=lambda: {"psnr_foreground": 34.5, "psnr": 40.0})

    @property
    def header(self) -> dict[str, Any]:
        return self.container.header

    @property
    def nbytes(self) -> int:
        return len(self.to_bytes())

    def to_bytes(self) -> bytes:
        return pack(self.container)

    def save(self, path: Path, overwrite: bool = False) -> None:
        write_atomically(path, self.to_bytes(), overwrite)

    @classmethod
    def from_bytes(cls, data: bytes) -> StandInVqz:
        return cls(unpack(data))

    @classmethod
    def open(cls, path: Path) -> StandInVqz:
        return cls.from_bytes(path.read_bytes())


def encode(source: Path | Volume, **options: Any) -> StandInVqz:
    volume = source if isinstance(source, Volume) else read_volume(source)
    encode.options = options  # type: ignore[attr-defined]
    shape = volume.array.shape
    header = Header(
        codes_sha256="0" * 64,
        family="wavelet",
        entropy=FAMILIES["wavelet"].entropies[0],
        model=ModelReference("stand-in", "0" * 64),
        software="stand-in",
        volume=VolumeDescription(
            shape,
            volume.array.dtype.str,
            (0, 1, 2),
            (False, False, False),
            volume.format,
            volume.suffix,
        ),
        frames=(CONSTANT,) * math.prod(shape[3:]),
    )
    sections = (
        Section(SectionKind.COARSE, 0, volume.array.tobytes()),
        Section(SectionKind.VOLUME_HEADER, 0, header_section(volume)),
        Section(SectionKind.FIGURES, 0, canonical_json({"psnr_foreground": 34.5, "psnr": None})),
    )
    return StandInVqz(Container(header.to_json(), sections))


def decode_volume(vqz: StandInVqz, *, device: str) -> Volume:
    described = vqz.header["volume"]
    data = vqz.container.section(SectionKind.COARSE)
    array = np.frombuffer(data, described["dtype"]).reshape(described["shape"])
    section = vqz.container.section(SectionKind.VOLUME_HEADER)
    return volume_from_header_section(section, described, array)


def verify(path: Path) -> dict[str, Any]:
    return {"sections": len(unpack(path.read_bytes()).sections)}


@pytest.fixture
def codec(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Put the stand-in where the commands find the codec."""
    stand_in = ModuleType("stand_in")
    vars(stand_in).update(encode=encode, decode_volume=decode_volume, verify=verify, VQZ=StandInVqz)
    for name in ("codec", "vqz"):
        monkeypatch.setitem(sys.modules, f"vqcodec.{name}", stand_in)
    for name in ("encode", "verify"):
        monkeypatch.setitem(vars(vqcodec), name, getattr(stand_in, name))
    return stand_in


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Return a small NIfTI file."""
    return make_scan(tmp_path / "scan.nii.gz")


def make_scan(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(1).integers(0, 900, size=(12, 14, 13), dtype=np.int16)
    if path.suffix == ".npy":
        write_volume(from_array(values), path)
        return path
    nib: Any = nibabel
    kind = nib.Nifti1Pair if path.suffix in (".hdr", ".img") else nib.Nifti1Image
    nib.save(kind(values, np.diag([1.0, 1.0, 1.2, 1.0])), path)
    return path


Vqz = Callable[..., int]


@pytest.fixture
def vqz(codec: ModuleType) -> Vqz:
    """Return a function that runs the command line in this process."""

    def run(*arguments: object) -> int:
        return main([str(argument) for argument in arguments])

    return run


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Return a small BIDS-like folder."""
    place = tmp_path / "study"
    for name in ("sub-01/anat/sub-01_T1w", "sub-02/anat/sub-02_T1w"):
        make_scan(place / f"{name}.nii.gz")
        (place / f"{name}.json").write_text('{"EchoTime": 0.003}')
    make_scan(place / "sub-02" / "pair.hdr")
    (place / "participants.tsv").write_text("participant_id\nsub-01\nsub-02\n")
    (place / ".bidsignore").write_text("extra\n")
    (place / ".git").mkdir()
    (place / ".git" / "config").touch()
    return place
