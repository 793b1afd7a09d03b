from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqcodec.errors import FormatError, LimitExceededError, UnsupportedError
from vqcodec.formats.canonical_json import canonical_json, parse_canonical_json
from vqcodec.header import (
    FrameDescription,
    Header,
    ModelReference,
    Promise,
    VolumeDescription,
    ras_shape,
)
from vqcodec.header_parsing import VOXEL_TYPES, parse_header
from vqcodec.limits import Limits

from .documented import documented_errors

DOCUMENTED = (FormatError, UnsupportedError, LimitExceededError)
SPECIFICATION = Path(__file__).parents[2] / "formats" / "VQZ.md"

VALID: dict[str, Any] = Header(
    codes_sha256="0" * 64,
    family="wavelet",
    entropy="context-range-1",
    model=ModelReference("some-model", "f" * 64),
    software="vqcodec 0",
    volume=VolumeDescription(
        (5, 6, 7, 2), "<f4", (2, 0, 1), (True, False, False), "nifti1", ".nii.gz"
    ),
    frames=(
        FrameDescription(0.0, 900.5, 1.0, 800.0, 0.0, (1, 0, 2), (3, 5, 4), 300, (1, 1, 2), 3),
        FrameDescription(7.0, 1.0, 7.0, 7.0, None, (0, 0, 0), (0, 0, 0), 0, (0, 0, 0), 0),
    ),
    voxels=Promise(2.5, "a" * 64),
).to_json()

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers(-3, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
dtype_texts = st.text("<>|=biufcSUVOMm0123456789,(){}'?adehlqx:", max_size=9)


def paths(tree: Any, start: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every key and index of a JSON value."""
    items: Any = ()
    if isinstance(tree, dict):
        items = tree.items()
    elif isinstance(tree, list):
        items = enumerate(tree)
    found = []
    for key, value in items:
        found += [(*start, key), *paths(value, (*start, key))]
    return found


def replaced(path: tuple[Any, ...], value: Any, drop: bool = False) -> dict[str, Any]:
    tree = copy.deepcopy(VALID)
    inner: Any = tree
    for key in path[:-1]:
        inner = inner[key]
    if drop:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return tree


def refuse_or_parse(tree: Any, size: int = 10_000) -> None:
    with documented_errors(DOCUMENTED):
        header = parse_header(tree, size)
        assert parse_header(header.to_json(), size) == header


def test_round_trip_through_the_file() -> None:
    tree = parse_canonical_json(canonical_json(VALID), "header")
    assert tree == VALID
    assert parse_header(tree, 1000).to_json() == VALID
    assert ras_shape(parse_header(tree, 1000).volume) == (7, 5, 6)


@given(st.sampled_from(paths(VALID)), anything)
def test_one_value_replaced(path: tuple[Any, ...], value: Any) -> None:
    refuse_or_parse(replaced(path, value))


@given(st.lists(st.tuples(st.sampled_from(paths(VALID)[:30]), scalars), max_size=3))
def test_some_values_replaced(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    tree = copy.deepcopy(VALID)
    for path, value in changes:
        inner: Any = tree
        for key in path[:-1]:
            if not isinstance(inner, (dict, list)):
                return
            inner = inner[key]
        if isinstance(inner, (dict, list)):
            inner[path[-1]] = value
    refuse_or_parse(tree)


@given(st.dictionaries(st.sampled_from([*VALID, "other"]), anything))
def test_any_object(tree: dict[str, Any]) -> None:
    with pytest.raises(DOCUMENTED):
        parse_header(tree, 1000)


@given(dtype_texts)
def test_any_voxel_type(text: str) -> None:
    refuse_or_parse(replaced(("volume", "dtype"), text))


@pytest.mark.parametrize("path", [path for path in paths(VALID) if not isinstance(path[-1], int)])
def test_every_key_is_needed_and_in_the_specification(path: tuple[Any, ...]) -> None:
    if path[-1] == "background":
        frames = parse_header(replaced(path, None, drop=True), 1000).frames
        assert frames[path[1]].background is None
    elif path == ("voxels",):
        assert parse_header(replaced(path, None, drop=True), 1000).voxels is None
    else:
        with pytest.raises(FormatError):
            parse_header(replaced(path, None, drop=True), 1000)
    name = ".".join("[]" if isinstance(key, int) else key for key in path).replace(".[]", "[]")
    assert f"| `{name}` |" in SPECIFICATION.read_text("utf-8")


def test_specification_lists_no_other_keys() -> None:
    section = (
        SPECIFICATION.read_text("utf-8").split("### 4.2")[1].split("`volume.dtype` is written")[0]
    )
    listed = set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))
    found = {
        ".".join("[]" if isinstance(key, int) else key for key in path).replace(".[]", "[]")
        for path in paths(VALID)
        if not isinstance(path[-1], int)
    }
    assert listed == found


@pytest.mark.parametrize("dtype", sorted(VOXEL_TYPES))
def test_voxel_types_of_the_specification(dtype: str) -> None:
    tree = replaced(("volume", "dtype"), dtype)
    tree["frames"][0]["nonfinite"] = 0
    assert parse_header(tree, 1000).volume.dtype == dtype == np.dtype(dtype).str
    name = dtype if dtype.startswith("|") else dtype[1:]
    assert f"`{name}`" in SPECIFICATION.read_text("utf-8")


@pytest.mark.parametrize(
    "dtype", ["<f16", "<c8", "|S3", "|V4", "<U2", "|O", "a", "i2", "=i2", "<M8[s]", "<f4,<f4"]
)
def test_other_voxel_types_are_refused(dtype: str) -> None:
    with pytest.raises(FormatError, match="not a type of voxels"):
        parse_header(replaced(("volume", "dtype"), dtype), 1000)


def test_unknown_keys_are_ignored() -> None:
    tree = {**copy.deepcopy(VALID), "later": 1}
    tree["volume"]["later"] = tree["frames"][0]["later"] = [None]
    assert parse_header(tree, 1000).to_json() == VALID


def test_voxels_for_the_size_of_the_file() -> None:
    """Of two frames one is decoded: a box padded to 4x8x4, and NaN in 8x8x8 voxels."""
    limits = Limits(voxels_free=100, voxels_per_byte=2)
    assert parse_header(VALID, 270, limits)
    with pytest.raises(LimitExceededError, match="claims 640 voxels"):
        parse_header(VALID, 269, limits)
    with pytest.raises(LimitExceededError, match="claims 420 voxels"):
        parse_header(VALID, 159, limits)
    with pytest.raises(LimitExceededError):
        parse_header(VALID, 1000, Limits(voxels=419))
    with pytest.raises(LimitExceededError, match="claims 2 frames"):
        parse_header(VALID, 1000, Limits(frames=1))


@pytest.mark.parametrize(
    "path", [path for path in paths(VALID) if path and not isinstance(path[-1], int)]
)
def test_no_message_prints_control_characters(path: tuple[Any, ...]) -> None:
    for text in ("ni\ti1", "\x1b[31mred", "\u202e"):
        try:
            parse_header(replaced(path, text), 10_000)
        except DOCUMENTED as error:
            assert str(error).isprintable()  # noqa: PT017 - most texts are refused, not all
