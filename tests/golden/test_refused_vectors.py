"""Every unsound file is refused by its documented error, in one line, at the stage named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.small_reader import read
from tests.small_reader.container import RefusedError
from vqcodec.codec import decode_volume
from vqcodec.errors import FormatError, ModelUnavailableError
from vqcodec.formats.container import pack
from vqcodec.vqz import VQZ

from .places import VECTORS, model_of
from .refused import REFUSALS, Refusal
from .refused_exact import EXACT_REFUSALS
from .refused_holes import HOLES_REFUSALS
from .refused_packed import PACKED_REFUSALS
from .refused_paper import PAPER_REFUSALS
from .refused_tiles import TILES_REFUSALS

STAGES = {
    "codes": VQZ.all_codes,
    "voxels": lambda vqz: decode_volume(vqz, device="cpu"),
    "figures": lambda vqz: vqz.figures,
}
CASES = (
    *REFUSALS,
    *PAPER_REFUSALS,
    *TILES_REFUSALS,
    *EXACT_REFUSALS,
    *HOLES_REFUSALS,
    *PACKED_REFUSALS,
)
each_refusal = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@each_refusal
def test_vector_file_is_the_case(case: Refusal, update_vectors: bool) -> None:
    vector = VECTORS / f"{case.name}.vqz"
    if update_vectors:
        vector.write_bytes(case.data)
    assert vector.read_bytes() == case.data


@each_refusal
def test_refused_with_the_documented_error(case: Refusal) -> None:
    path = VECTORS / f"{case.name}.vqz"
    if case.stage == "open":
        with pytest.raises(case.error, match=case.message) as caught:
            VQZ.open(path)
    else:
        opened = VQZ.open(path)
        if case.stage == "voxels":
            opened.all_codes()
        with pytest.raises(case.error, match=case.message) as caught:
            STAGES[case.stage](opened)
    assert type(caught.value) is case.error
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.stage == "codes"], ids=lambda case: case.name
)
def test_small_reader_refuses_unsound_codes(case: Refusal) -> None:
    with pytest.raises(RefusedError, match="FormatError"):
        read(VECTORS / f"{case.name}.vqz", model_of(case.name))


@pytest.mark.parametrize(
    "name",
    [
        "unsupported-paper-entropy",
        "unsupported-paper-entropy-tiles",
        "unsupported-wavelet-entropy",
        "unsupported-family",
    ],
)
def test_small_reader_knows_what_it_does_not_support(name: str) -> None:
    with pytest.raises(RefusedError, match="UnsupportedError"):
        read(VECTORS / f"{name}.vqz", model_of(name))


def test_another_model_is_neither_damage_nor_a_newer_version(tmp_path: Path) -> None:
    opened = VQZ.open(VECTORS / "good-npy.vqz")
    opened.container.header["model"]["sha256"] = "0" * 64
    changed = VQZ.from_bytes(pack(opened.container))
    with pytest.raises(ModelUnavailableError, match="0000"):
        changed.all_codes()


@pytest.mark.parametrize("name", ["entropy-of-no-model", "tiles-entropy-of-no-model"])
def test_no_region_of_a_file_whose_coder_is_not_its_models(name: str) -> None:
    with pytest.raises(FormatError, match="states entropy coder"):
        VQZ.open(VECTORS / f"bad-{name}.vqz").read_region([slice(0, 1)] * 3, device="cpu")
