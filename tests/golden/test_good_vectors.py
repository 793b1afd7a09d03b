"""The package and the small reader read every good vector, and both read the same codes.

With ``--update-vectors``, vectors (and the model) that are missing are written; those that are
there stay as they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.container.build import file_bytes
from tests.small_reader import Reading, read
from vqcodec.boxes import crop
from vqcodec.codec import decode_volume, encode
from vqcodec.conform import Orientation, from_ras
from vqcodec.formats.container import pack, unpack
from vqcodec.formats.sections import Section
from vqcodec.formats.volumes import read_volume
from vqcodec.frame_grids import DecodedFrame
from vqcodec.registry import read_weights
from vqcodec.verification import verify
from vqcodec.vqz import VQZ, entropy_model_of

from .places import (
    EIGHT_MODEL,
    EXPECTED,
    HOLES_MODEL,
    MODEL,
    PAPER_MODEL,
    TILES_MODEL,
    TRELLIS_MODEL,
    VECTORS,
    model_of,
)
from .tiny_holes import tiny_holes_tensors, write_tiny_holes
from .tiny_model import tiny_tensors, write_tiny_model
from .tiny_paper import tiny_paper_tensors, write_tiny_paper
from .tiny_tiles import tiny_tiles_tensors, write_tiny_tiles
from .tiny_trellis import (
    tiny_eight_states_tensors,
    tiny_trellis_tensors,
    write_tiny_eight,
    write_tiny_trellis,
)
from .volumes import SCANS, Scan

MODELS: dict[Path, tuple[Callable[[Path], None], Callable[[], dict[str, Any]]]] = {
    MODEL: (write_tiny_model, tiny_tensors),
    PAPER_MODEL: (write_tiny_paper, tiny_paper_tensors),
    TILES_MODEL: (write_tiny_tiles, tiny_tiles_tensors),
    HOLES_MODEL: (write_tiny_holes, tiny_holes_tensors),
    TRELLIS_MODEL: (write_tiny_trellis, tiny_trellis_tensors),
    EIGHT_MODEL: (write_tiny_eight, tiny_eight_states_tensors),
}
NEWER = "newer-minor"
NAMES = [scan.name for scan in SCANS] + [NEWER]
TOLERANCE = 1e-3


def vector(name: str) -> Path:
    return VECTORS / f"good-{name}.vqz"


def newer_minor() -> bytes:
    """A file of a later minor version: keys, sections and a feature bit that may be ignored."""
    opened = VQZ.open(vector("int16-masked"))
    tree = {**opened.header, "later": [1, {"two": None}]}
    tree["frames"] = [{**frame, "later": "?"} for frame in tree["frames"]]
    sections = [*opened.container.sections, Section(0x9000, 0, b"later")]
    fields = [
        (each.kind, each.frame, each.data)
        for each in sorted(sections, key=lambda each: (each.frame, each.kind))
    ]
    header = json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()
    return file_bytes(header, fields, minor=7, compatible=1 << 20)


@cache
def opened_with_codes(name: str) -> tuple[VQZ, tuple[DecodedFrame, ...]]:
    """A vector and what its streams decode to, which several tests want to know."""
    opened = VQZ.open(vector(name))
    return opened, tuple(opened.decode_codes(entropy_model_of(opened.load_model())))


def summary(name: str) -> dict[str, Any]:
    """What is written down of a decoded vector."""
    opened, codes = opened_with_codes(name)
    volume = decode_volume(opened, device="cpu", known=codes)
    values = volume.array.astype(np.float64)
    finite = values[np.isfinite(values)]
    spread = max((frame.scale for frame in opened.parsed.frames), default=1.0)
    return {
        "codes_sha256": opened.parsed.codes_sha256,
        "foreground_sha256": [sha256(mask) for mask in foregrounds(opened, codes)],
        "shape": list(volume.array.shape),
        "dtype": volume.array.dtype.str,
        "header_sha256": hashlib.sha256(volume.header_bytes + volume.footer_bytes).hexdigest(),
        "nonfinite": [
            int(np.count_nonzero(each))
            for each in (np.isnan(values), values == np.inf, values == -np.inf)
        ],
        "range": spread,
        "mean": float(finite.mean()),
        "std": float(finite.std()),
        "minimum": float(finite.min()),
        "maximum": float(finite.max()),
    }


def foregrounds(opened: VQZ, codes: Sequence[DecodedFrame]) -> list[NDArray[np.bool_]]:
    """Foreground of each whole RAS frame; all of a constant one."""
    volume = opened.parsed.volume
    sides = (*volume.shape, 1, 1)
    masks = []
    for frame, decoded in zip(opened.parsed.frames, codes, strict=True):
        mask = np.full([sides[axis] for axis in volume.axes], frame.is_constant)
        if not frame.is_constant:
            crop(mask, frame.origin, frame.extent)[...] = decoded.foreground
        masks.append(mask)
    return masks


def sha256(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


def small_reading(name: str) -> Reading:
    return read(vector(name), model_of(name))


@pytest.fixture(scope="session")
def expected() -> dict[str, Any]:
    return json.loads(EXPECTED.read_text("ascii"))  # type: ignore[no-any-return]


def test_update(tmp_path: Path, update_vectors: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write what is missing, when asked to; exact voxels as numbers, though bytes are smaller."""
    if not update_vectors:
        return
    for model, (write, _) in MODELS.items():
        if not model.exists():
            write(model)
    for scan in SCANS:
        if not vector(scan.name).exists():
            folder = tmp_path / scan.name
            folder.mkdir()
            source, model = scan.make(folder), str(model_of(scan.name))
            promising = 0 if scan.name != "exact-plain" else 9
            monkeypatch.setattr("vqcodec.residual.section.PROMISING", promising)
            vqz = encode(source, model=model, device="cpu", force=True, **scan.options)
            vqz.save(vector(scan.name))
    if not vector(NEWER).exists():
        vector(NEWER).write_bytes(newer_minor())
    known = json.loads(EXPECTED.read_text("ascii")) if EXPECTED.exists() else {}
    complete = {name: known.get(name) or summary(name) for name in NAMES}
    EXPECTED.write_text(json.dumps(complete, indent=1, sort_keys=True) + "\n", "ascii")


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_models_are_those_made_by_rule(path: Path) -> None:
    _, rule = MODELS[path]
    model, made = read_weights(path), rule()
    assert model.tensors.keys() == made.keys()
    for name, tensor in made.items():
        assert model.tensors[name].dtype == tensor.dtype
        rounding = 1 if tensor.dtype.kind == "u" else 0  # frequencies and powers, of libm's exp2
        np.testing.assert_allclose(model.tensors[name], tensor, rtol=0, atol=rounding)


def test_every_good_vector_is_tested() -> None:
    assert sorted(vector(name) for name in NAMES) == sorted(VECTORS.glob("good-*.vqz"))


@pytest.mark.parametrize("name", NAMES)
def test_small(name: str) -> None:
    assert vector(name).stat().st_size < 12_000


@pytest.mark.parametrize("name", NAMES)
def test_decodes_to_what_was_written_down(name: str, expected: dict[str, Any]) -> None:
    found, wanted = summary(name), expected[name]
    measured = {"mean", "std", "minimum", "maximum"}
    assert {k: v for k, v in found.items() if k not in measured} == {
        k: v for k, v in wanted.items() if k not in measured
    }
    rounding = 0 if "f" in wanted["dtype"] else 1
    for figure in measured:
        near = pytest.approx(wanted[figure], abs=TOLERANCE * wanted["range"] + rounding)
        assert found[figure] == near


@pytest.mark.parametrize("name", NAMES)
def test_small_reader_reads_the_same(name: str, expected: dict[str, Any]) -> None:
    opened, reading = VQZ.open(vector(name)), small_reading(name)
    _, codes = opened_with_codes(name)
    assert reading.header == opened.header
    for ours, theirs in zip(codes, reading.grids, strict=True):
        for level, grid in theirs.items():
            assert grid.dtype == np.uint8
            np.testing.assert_array_equal(ours.grids[level], grid)
        assert theirs or not any(grid.size for grid in ours.grids.values())
    if reading.voxels is not None:
        decoded = decode_volume(opened, device="cpu").array
        assert decoded.tobytes() == np.ascontiguousarray(reading.voxels).tobytes()
    assert [sha256(mask) for mask in reading.foregrounds] == expected[name]["foreground_sha256"]
    totals = [sum(map(np.count_nonzero, kinds)) for kinds in zip(*reading.nonfinite, strict=True)]
    assert (totals or [0, 0, 0]) == expected[name]["nonfinite"]


@pytest.mark.parametrize("name", NAMES)
def test_verify(name: str, expected: dict[str, Any]) -> None:
    assert verify(vector(name))["codes_sha256"] == expected[name]["codes_sha256"]


@pytest.mark.parametrize("name", NAMES)
def test_written_again_it_is_the_same_file(name: str) -> None:
    """A packed one may have another DEFLATE stream where zlib is another."""
    container = VQZ.open(vector(name)).container
    if container.is_packed:
        assert unpack(pack(container)) == container
    else:
        assert pack(container) == vector(name).read_bytes()


@pytest.mark.parametrize("scan", SCANS, ids=lambda scan: scan.name)
def test_resembles_its_source(scan: Scan, tmp_path: Path) -> None:
    source = read_volume(scan.make(tmp_path))
    opened, codes = opened_with_codes(scan.name)
    decoded = decode_volume(opened, device="cpu", known=codes)
    scale = max(frame.scale for frame in opened.parsed.frames)
    ours, theirs = (each.array.astype(np.float64) for each in (source, decoded))
    finite = np.isfinite(ours)
    np.testing.assert_array_equal(finite, np.isfinite(theirs))
    np.testing.assert_array_equal(ours[~finite], theirs[~finite])
    errors = ours[finite] - theirs[finite]
    if scan.exact is not None:
        assert np.abs(errors).max() <= scan.error
        return
    assert np.sqrt(np.mean(errors**2)) < scan.error * scale
    turn = Orientation(opened.parsed.volume.axes, opened.parsed.volume.flips)
    for frame, mask in zip(opened.parsed.frames, foregrounds(opened, codes), strict=True):
        if len(opened.parsed.frames) == 1 and frame.background is not None:
            outside = ~from_ras(mask, turn) & finite
            assert (ours[outside] == frame.background).all()
            assert (theirs[outside] == frame.background).all()
    assert (decoded.slope, decoded.inter) == (source.slope, source.inter)


def test_stages() -> None:
    """Fine, middle, coarse."""
    stages = {
        name: VQZ.open(vector(name)).parsed.frames[0].stages
        for name in (
            "int16-masked",
            "two-stages",
            "three-stages",
            "paper-int16-masked",
            "paper-two-sites",
            "paper-fewer-stages",
            "tiles-three-stages",
        )
    }
    assert stages == {
        "int16-masked": (1, 1, 2),
        "two-stages": (2, 1, 3),
        "three-stages": (2, 2, 3),
        "paper-int16-masked": (2, 2, 3),
        "paper-two-sites": (1, 1, 2),
        "paper-fewer-stages": (1, 1, 1),
        "tiles-three-stages": (2, 2, 3),
    }


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("holes-")])
def test_holes_are_where_the_source_is_background(name: str, tmp_path: Path) -> None:
    scan = next(scan for scan in SCANS if scan.name == name)
    opened, source = VQZ.open(vector(name)), read_volume(scan.make(tmp_path))
    model = entropy_model_of(opened.load_model())
    holes = opened.decode_codes(model)[0].holes
    assert holes is not None
    assert np.count_nonzero(holes) > 10
    decoded = decode_volume(opened, device="cpu")
    np.testing.assert_array_equal(decoded.array == 0, source.array == 0)
