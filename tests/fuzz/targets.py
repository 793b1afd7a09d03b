"""What is fuzzed: functions of bytes that end quietly or with a `VqzError`.

Checksums would stop a fuzzer at the door, so behind it each target takes one part of a file and
puts it into an otherwise sound one.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import safetensors.numpy

from vqcodec.archive import Archive
from vqcodec.errors import VqzError
from vqcodec.formats.container import Container, pack, read_prefix, unpack
from vqcodec.formats.packed_header import unpack_header
from vqcodec.formats.sections import Section, SectionKind
from vqcodec.formats.volumes import read_volume_bytes
from vqcodec.frame_grids import EntropyModel, entropy_model
from vqcodec.header_parsing import parse_header
from vqcodec.limits import DEFAULT_LIMITS
from vqcodec.vqz import VQZ

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
SOUND = {
    "wavelet": ("good-one-voxel-inside.vqz", "model-tiny.safetensors"),
    "tiles": ("good-tiles-one-voxel-inside.vqz", "model-tiny-tiles.safetensors"),
    "eight": ("good-eight-one-voxel-inside.vqz", "model-tiny-eight.safetensors"),
    "paper": ("good-paper-two-sites.vqz", "model-tiny-paper.safetensors"),
}
STREAMS = (SectionKind.FINE, SectionKind.MIDDLE, SectionKind.COARSE, SectionKind.MASK)
CUT = b"\xff\xfe\xfd"


@cache
def sound(name: str) -> tuple[Container, EntropyModel]:
    """A file and the entropy model that it was written with."""
    vector, weights = SOUND[name]
    tensors = safetensors.numpy.load_file(VECTORS / weights)
    family = "paper" if name == "paper" else "wavelet"
    return unpack((VECTORS / vector).read_bytes()), entropy_model(family, tensors)


def container(data: bytes) -> None:
    """A whole file, from its first byte."""
    VQZ.from_bytes(data).info()


def header(data: bytes) -> None:
    """The JSON object behind the preamble, of a file of a mebibyte."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(found, dict):
        parse_header(found, 1 << 20)


def packed_header(data: bytes) -> None:
    """A packed header; the first byte is the number of its sections."""
    if data:
        unpack_header(data[1:], data[0], DEFAULT_LIMITS)


def streams(data: bytes) -> None:
    """The entropy-coded streams of a file; the first byte chooses the coder."""
    if not data:
        return
    name = list(SOUND)[data[0] % len(SOUND)]
    whole, model = sound(name)
    parts = dict(zip(STREAMS, data[1:].split(CUT), strict=False))
    held = tuple(
        replace(each, data=parts[each.kind]) if each.kind in parts else each
        for each in whole.sections
    )
    VQZ.from_container(Container(whole.header, held)).decode_codes(model)


def sections(data: bytes) -> None:
    """Sections of any kind, added to a sound file or put in place of its own."""
    whole, model = sound("wavelet")
    kinds = {each.kind: each for each in whole.sections}
    for part in data.split(CUT):
        if len(part) > 1:
            kind = int.from_bytes(part[:2], "little")
            kinds[kind] = Section(kind, 0, part[2:])
    held = tuple(sorted(kinds.values(), key=lambda each: (each.frame, each.kind)))
    vqz = VQZ.from_bytes(pack(Container(whole.header, held)))
    _ = vqz.figures
    vqz.decode_codes(model)


def archive(data: bytes) -> None:
    """An archive, from its first byte."""
    with tempfile.NamedTemporaryFile(suffix=".vqa") as file:
        file.write(data)
        file.flush()
        with Archive.open(file.name) as opened:
            for name in opened:
                opened.read(name)
            _ = opened.figures(), opened.models()


def volume(data: bytes) -> None:
    """A volume as users have them: NIfTI, compressed or not, by its first byte, MGH or NumPy."""
    if data:
        suffix = (".nii", ".nii.gz", ".mgh", ".mgz", ".npy")[data[0] % 5]
        read_volume_bytes(data[1:], suffix)


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each
    for each in (container, header, packed_header, streams, sections, archive, volume)
}


def run(name: str, data: bytes) -> None:
    """Give a target its bytes; what it may raise is silenced."""
    try:
        TARGETS[name](data)
    except VqzError as error:
        message = str(error)
        if not message.isprintable():
            raise ValueError(f"message that cannot be printed: {message!r}") from error


def seeds(name: str) -> list[bytes]:
    """Where to start from: made of the vectors, so that it always fits the format."""
    vectors = sorted(VECTORS.glob("*.vqz"))
    if name == "container":
        return [path.read_bytes() for path in vectors]
    if name == "header":
        found = [json.dumps(unpack(path.read_bytes()).header) for path in vectors if _is_good(path)]
        return [text.encode() for text in found]
    if name == "packed_header":
        return [_packed_header(path) for path in sorted(VECTORS.glob("good-packed-*.vqz"))]
    if name == "streams":
        return [bytes([k]) + _streams_of(sound(key)[0]) for k, key in enumerate(SOUND)]
    if name == "sections":
        return [
            int(each.kind).to_bytes(2, "little") + each.data
            for key in SOUND
            for each in sound(key)[0].sections
        ]
    if name == "archive":
        return [_small_archive()]
    return _small_volumes()


def _is_good(path: Path) -> bool:
    return path.name.startswith("good-")


def _packed_header(path: Path) -> bytes:
    data = path.read_bytes()
    count = len(read_prefix(data).entries)
    return bytes([count]) + data[40 : 40 + int.from_bytes(data[20:24], "little")]


def _streams_of(whole: Container) -> bytes:
    held = {each.kind: each.data for each in whole.sections}
    return CUT.join(held.get(kind, b"") for kind in STREAMS)


def _small_archive() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seed.vqa"
        with Archive.create(path) as builder:
            builder.add_sidecar("a/b.json", b"{}")
        return path.read_bytes()


def _small_volumes() -> list[bytes]:
    import gzip

    import nibabel as nib

    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    nifti = nib.Nifti1Image(array, np.eye(4)).to_bytes()
    mgh = nib.MGHImage(array.astype(np.float32), np.eye(4)).to_bytes()
    npy = io.BytesIO()
    np.save(npy, array)
    made = (nifti, gzip.compress(nifti, mtime=0), mgh, gzip.compress(mgh, mtime=0), npy.getvalue())
    return [bytes([k]) + data for k, data in enumerate(made)]
