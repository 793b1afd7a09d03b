"""Archives that were damaged, or made to do harm."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqcodec import Archive
from vqcodec.errors import FormatError, LimitExceededError, UnsupportedError, VqzError
from vqcodec.formats.archive_hdf5 import checksum
from vqcodec.formats.archive_names import check_name, path_below
from vqcodec.formats.archive_tables import Kind, members_type, scans_type
from vqcodec.formats.canonical_json import canonical_json

MODEL = b"0" * 64

Make = Callable[[Any, str, np.ndarray], object]


def rows(*members: tuple[str | bytes, int, int, int]) -> np.ndarray:
    """Rows of ``members``: name, kind, offset, length."""
    table = np.zeros(len(members), members_type(40))
    for row, (name, kind, offset, length) in enumerate(members):
        raw = name.encode() if isinstance(name, str) else name
        table[row] = (raw, kind, offset, length, hashlib.sha256(bytes(length)).digest())
    return table


def craft(
    path: Path, members: np.ndarray, makers: dict[str, Make] | None = None, **changes: Any
) -> Path:
    """Write an archive by h5py; ``makers`` make some objects otherwise."""
    of_scans = np.flatnonzero(members["kind"] == Kind.SCAN)
    scans = np.zeros(len(of_scans), scans_type(()))
    scans["member"], scans["model"] = of_scans, changes.pop("model", MODEL)
    contents = {
        "data": np.zeros(100, "u1"),
        "members": members,
        "scans": changes.pop("scans", scans),
    }
    header = {
        "format": "vqcodec archive",
        "version": [1, 0],
        "slots": [[512, 0]],
        **{
            f"{name}_sha256": hashlib.sha256(contents[name].tobytes()).hexdigest()
            for name in ("members", "scans")
        },
        **changes.pop("header", {}),
    }
    contents["header"] = np.frombuffer(changes.pop("text", canonical_json(header)), "u1")
    with h5py.File(path, "w", libver=("v108", "latest")) as file:
        for name, content in contents.items():
            if name in (makers or {}):
                makers[name](file, name, content)
            else:
                file.create_dataset(name, data=content)
    return path


def opened(path: Path) -> Archive:
    return Archive.open(path)


def test_what_h5py_writes_can_be_read(tmp_path: Path) -> None:
    archive = opened(craft(tmp_path / "a.h5", rows(("a.vqz", 1, 0, 10), ("b.txt", 2, 10, 5))))
    assert list(archive) == ["a.vqz"]
    assert archive.read("b.txt") == bytes(5)
    with pytest.raises(FormatError, match="not a VQZ file"):
        _ = archive["a.vqz"]
    with Archive.append(tmp_path / "a.h5") as builder:
        builder.add_sidecar("c.txt", b"more")
    assert opened(tmp_path / "a.h5").read("b.txt") == bytes(5)
    assert opened(tmp_path / "a.h5").read("c.txt") == b"more"


def soft(file: Any, name: str, content: np.ndarray) -> None:
    file[f"x{name}"] = content
    file[name] = h5py.SoftLink(f"/x{name}")


def external_link(file: Any, name: str, content: np.ndarray) -> None:
    file[name] = h5py.ExternalLink("/etc/passwd", "/x")


def external_storage(file: Any, name: str, content: np.ndarray) -> None:
    file.create_dataset(name, content.shape, content.dtype, external=[("/etc/passwd", 0, 1 << 20)])


def virtual(file: Any, name: str, content: np.ndarray) -> None:
    layout = h5py.VirtualLayout(content.shape, content.dtype)
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", content.shape)
    file.create_virtual_dataset(name, layout)


def chunked(file: Any, name: str, content: np.ndarray) -> None:
    file.create_dataset(name, data=content, chunks=content.shape)


def packed(file: Any, name: str, content: np.ndarray) -> None:
    file.create_dataset(name, data=content, compression="gzip")


def references(file: Any, name: str, content: np.ndarray) -> None:
    file.create_dataset(name, data=np.array([file.ref]), dtype=h5py.ref_dtype)


def text(file: Any, name: str, content: np.ndarray) -> None:
    file.create_dataset(name, data=["x"], dtype=h5py.string_dtype())


def group(file: Any, name: str, content: np.ndarray) -> None:
    file.create_group(name)


def square(file: Any, name: str, content: np.ndarray) -> None:
    file.create_dataset(name, data=content[None])


def scalar(file: Any, name: str, content: np.ndarray) -> None:
    file[name] = 7


@pytest.mark.parametrize("name", ["data", "header", "members", "scans"])
@pytest.mark.parametrize(
    "make",
    [
        soft,
        external_link,
        external_storage,
        virtual,
        chunked,
        packed,
        references,
        text,
        group,
        square,
        scalar,
    ],
)
def test_tricks_of_hdf5(tmp_path: Path, name: str, make: Make) -> None:
    path = craft(tmp_path / "a.h5", rows(("a.vqz", 1, 0, 10)), {name: make})
    with pytest.raises(FormatError):
        opened(path)


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../a", "a/../../b", "a//b", "a/", "./a", "..", "a\\..\\b", "", b"\xff.vqz"],
)
def test_names_that_lead_elsewhere(tmp_path: Path, name: str | bytes) -> None:
    path = craft(tmp_path / "a.h5", rows(("good.vqz", 1, 0, 10), (name, 2, 10, 1)))
    with pytest.raises(FormatError, match="cannot be the name of a member"):
        opened(path)


@pytest.mark.parametrize(
    ("members", "error", "reason"),
    [
        ([("a", 2, 0, 101)], FormatError, "beyond the data"),
        ([("a", 2, 95, 6)], FormatError, "beyond the data"),
        ([("a", 2, 2**64 - 1, 2)], FormatError, "beyond the data"),
        ([("a", 2, 0, 10), ("b", 2, 9, 10)], FormatError, "overlap"),
        ([("a", 2, 0, 10), ("a", 2, 10, 10)], FormatError, "the same name"),
        ([("a", 2, 0, 10), ("a", 1, 10, 10)], FormatError, "the same name"),
        ([("a", 9, 0, 10)], UnsupportedError, "kind 9"),
        ([("a", 0, 0, 10)], UnsupportedError, "kind 0"),
    ],
)
def test_tables_that_make_no_sense(
    tmp_path: Path, members: list[Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        opened(craft(tmp_path / "a.h5", rows(*members)))


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"header": {"version": [2, 0]}}, UnsupportedError, "version 2.0"),
        ({"header": {"version": "1"}}, FormatError, "no version"),
        ({"header": {"version": [True, 0]}}, FormatError, "no version"),
        ({"header": {"format": "x"}}, FormatError, "not an archive"),
        ({"header": {"slots": 3}}, FormatError, "slots"),
        ({"header": {"slots": [[-1, 3]]}}, FormatError, "slots"),
        ({"header": {"members_sha256": 3}}, FormatError, "checksum of table 'members'"),
        ({"text": b"[]"}, FormatError, "not an archive"),
        ({"text": b"{ }"}, FormatError, "canonical"),
        ({"text": b""}, FormatError, "JSON"),
        ({"text": b" " * 70_000}, LimitExceededError, "header bytes"),
        ({"model": b"1" * 63}, FormatError, "SHA-256"),
        ({"scans": np.zeros(0, scans_type(()))}, FormatError, "does not go with"),
        (
            {"scans": np.zeros(1, scans_type([f"f{i}" for i in range(65)]))},
            LimitExceededError,
            "columns",
        ),
        ({"scans": np.zeros(1, [("member", "<u4"), ("model", "S63")])}, FormatError, "columns"),
        ({"scans": np.zeros(1, "u1")}, FormatError, "columns"),
    ],
)
def test_headers_and_scans_that_make_no_sense(
    tmp_path: Path, changes: dict[str, Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        opened(craft(tmp_path / "a.h5", rows(("a.vqz", 1, 0, 10)), **changes))


def test_more_members_than_allowed_are_not_read(tmp_path: Path) -> None:
    """The table claims terabytes; neither memory nor disk has them."""

    def huge(file: Any, name: str, content: np.ndarray) -> None:
        file.create_dataset(name, (1 << 40,), content.dtype)

    with pytest.raises(FormatError, match="reaches beyond the end"):
        opened(craft(tmp_path / "a.h5", rows(("a", 2, 0, 10)), {"members": huge}))


@pytest.mark.parametrize("data", [b"", b"text", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" * 90])
def test_other_files(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.h5").write_bytes(data)
    with pytest.raises(FormatError):
        opened(tmp_path / "a.h5")


def test_other_hdf5_files(tmp_path: Path) -> None:
    for libver in ("earliest", "latest"):
        with h5py.File(tmp_path / f"{libver}.h5", "w", libver=libver) as file:
            file["x"] = [1]
        with pytest.raises(FormatError):
            opened(tmp_path / f"{libver}.h5")


def test_slots_over_members_are_never_written_to(study: Path) -> None:
    """Not even where the file says so, with all checksums right."""
    data = bytearray(study.read_bytes())
    with h5py.File(study) as file:
        start, text = file["header"].id.get_offset(), file["header"][:].tobytes()
    slot = text.split(b'"slots":[[')[1].split(b",")[0]
    data[start : start + len(text)] = text.replace(slot, b"520".rjust(len(slot), b"1"))
    study.write_bytes(data)
    before = study.read_bytes()
    with pytest.raises(FormatError, match="overlap"), Archive.append(study):
        pass
    assert study.read_bytes() == before


@settings(max_examples=60)
@given(place=st.integers(0, 1 << 30), value=st.integers(1, 255), near_end=st.booleans())
def test_one_wrong_byte(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int, near_end: bool
) -> None:
    """Whatever is hit, no other bytes than those that were added come out."""
    path = tmp_path_factory.getbasetemp() / "flipped.h5"
    contents = {f"{number}.txt": bytes([number]) * 50 for number in range(5)}
    if not path.with_suffix(".good").exists():
        with Archive.create(path, overwrite=True) as builder:
            for name, content in contents.items():
                builder.add_sidecar(name, content)
        path.rename(path.with_suffix(".good"))
    data = bytearray(path.with_suffix(".good").read_bytes())
    position = len(data) - 1 - place % 1600 if near_end else place % len(data)
    data[position] ^= value
    path.write_bytes(data)
    try:
        archive = opened(path)
        for name, content in contents.items():
            assert archive.read(name) == content
    except VqzError:
        pass


@settings(max_examples=40)
@given(st.text(max_size=12) | st.lists(st.sampled_from(["a", "..", ".", ""])).map("/".join))
def test_a_name_stays_below_its_folder(name: str) -> None:
    folder = Path("/nowhere/out")
    try:
        check_name(name)
    except FormatError:
        return
    target = path_below(folder, name)
    assert folder in target.parents
    assert ".." not in target.parts


def test_the_checksum_is_lookup3() -> None:
    """Values of the author's own test driver."""
    assert checksum(b"") == 0xDEADBEEF
    assert checksum(b"Four score and seven years ago") == 0x17770551
