from __future__ import annotations

from pathlib import Path

import pytest

from vqcodec.formats.container import read_prefix, unpack

from .cases import CASES, Case
from .packed_cases import PACKED_CASES

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
each_case = pytest.mark.parametrize("case", [*CASES, *PACKED_CASES], ids=lambda case: case.name)


@each_case
def test_refused_with_the_documented_error(case: Case) -> None:
    with pytest.raises(case.error) as caught:
        unpack(case.data)
    assert type(caught.value) is case.error
    assert case.text in str(caught.value)
    assert str(caught.value).isprintable()


@each_case
def test_vector_file_is_the_case(case: Case, update_vectors: bool) -> None:
    vector = VECTORS / f"{case.name}.vqz"
    if update_vectors:
        vector.write_bytes(case.data)
    assert vector.read_bytes() == case.data
    assert len(case.data) < 2048


@each_case
def test_vector_file_read_as_a_stream_gives_the_same_error(case: Case) -> None:
    with (VECTORS / f"{case.name}.vqz").open("rb") as stream, pytest.raises(case.error) as caught:
        unpack(stream)
    assert case.text in str(caught.value)


@each_case
def test_prefix_alone_finds_all_but_section_damage(case: Case) -> None:
    if case.name.endswith("section-checksum"):
        assert read_prefix(case.data).header == {"example": True}
    else:
        with pytest.raises(case.error):
            read_prefix(case.data)


def test_every_vector_has_a_line_in_the_readme() -> None:
    described = [
        line.split("`")[1]
        for line in (VECTORS / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    present = [path.name for path in VECTORS.iterdir() if path.name != "README.md"]
    assert sorted(described) == sorted(present)
