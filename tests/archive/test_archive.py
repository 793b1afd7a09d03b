"""The archive as a mapping of names to scans."""

from __future__ import annotations

import errno
import math
import pickle
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

import vqcodec
from vqcodec import VQZ, Archive
from vqcodec.errors import FormatError, ModelUnavailableError

from .conftest import PAPER_SCAN, WAVELET_SCAN

NAMES = ["sub-01/anat/sub-01_T1w.vqz", "sub-02 é\n/T1w.vqz"]


def test_every_byte_comes_back(study: Path) -> None:
    archive = Archive.open(study)
    assert list(archive) == NAMES
    assert len(archive) == 2
    assert archive.read(NAMES[0]) == PAPER_SCAN.read_bytes()
    assert archive[NAMES[1]].to_bytes() == WAVELET_SCAN.read_bytes()
    assert archive.read("sub-01/anat/sub-01_T1w.json") == b'{"Manufacturer": "nobody"}'
    assert [member.kind.name for member in archive.members()] == ["SCAN", "SIDECAR", "SCAN"]
    assert "sub-01/anat/sub-01_T1w.json" not in archive
    assert 7 not in archive
    for name in ("nothing", "sub-01/anat/sub-01_T1w.json"):
        with pytest.raises(KeyError):
            _ = archive[name]
    with pytest.raises(KeyError):
        archive.read("nothing")


def test_it_decodes_with_its_own_weights(study: Path, request: pytest.FixtureRequest) -> None:
    with pytest.raises(ModelUnavailableError):
        VQZ.open(PAPER_SCAN).codes  # noqa: B018
    archive = Archive.open(study)
    codes = [archive[name].codes for name in NAMES]
    regions = [archive[name].read_region((slice(2, 5),)) for name in NAMES]
    volumes = [vqcodec.decode(archive[name]).get_fdata() for name in NAMES]
    request.getfixturevalue("with_models")
    for name, source in zip(NAMES, (PAPER_SCAN, WAVELET_SCAN), strict=True):
        place = NAMES.index(name)
        for level, grid in VQZ.open(source).codes.items():
            np.testing.assert_array_equal(codes[place][level], grid)
        expected = np.asarray(vqcodec.decode(source).get_fdata())
        np.testing.assert_allclose(volumes[place], expected, atol=1)
        np.testing.assert_allclose(regions[place], expected[2:5], atol=2)


def test_the_table_of_figures(study: Path) -> None:
    archive = Archive.open(study)
    columns = archive.figures()
    assert columns["name"].tolist() == NAMES
    for row, source in enumerate((PAPER_SCAN, WAVELET_SCAN)):
        vqz = VQZ.open(source)
        assert columns["model"][row] == vqz.parsed.model.sha256
        assert archive.facts(NAMES[row]).figures.items() >= vqz.figures.items()
        for name, value in vqz.figures.items():
            assert math.isclose(columns[name][row], value)


def test_what_is_known_of_the_models(study: Path) -> None:
    entries = Archive.open(study).models()
    assert [entry["family"] for entry in entries] == ["paper", "wavelet"]
    assert entries[0]["sha256"] == VQZ.open(PAPER_SCAN).parsed.model.sha256


def test_the_card_of_a_registered_model_goes_along(tmp_path: Path) -> None:
    vqz = vqcodec.encode(np.arange(512, dtype=np.float32).reshape(8, 8, 8), effort=1)
    with Archive.create(tmp_path / "a.h5") as builder:
        builder.add("a.vqz", vqz)
    (entry,) = Archive.open(tmp_path / "a.h5").models()
    assert entry["id"] == vqz.parsed.model.id
    assert entry["card"].startswith("# ")
    assert entry["license"]


def test_any_hdf5_reader_sees_it(study: Path) -> None:
    with h5py.File(study) as file:
        assert set(file) == {"data", "header", "members", "scans"}
        rows = {row["name"].decode(): row for row in file["members"][:]}
        row = rows[NAMES[0]]
        found = file["data"][row["offset"] : row["offset"] + row["length"]]
        assert found.tobytes() == PAPER_SCAN.read_bytes()
        assert file["scans"]["psnr_foreground"].shape == (2,)


def test_appending(study: Path, with_models: None) -> None:
    before = Archive.open(study)
    size = study.stat().st_size
    with Archive.append(study) as builder:
        assert not builder.add(NAMES[0], PAPER_SCAN)
        assert builder.add("x.vqz", PAPER_SCAN)
        assert builder.add_sidecar("empty.tsv", b"")
        with pytest.raises(FormatError, match=r"another member 'x.vqz'"):
            builder.add("x.vqz", WAVELET_SCAN)
        with pytest.raises(FormatError, match=r"another member 'x.vqz'"):
            builder.add_sidecar("x.vqz", PAPER_SCAN.read_bytes())
        with pytest.raises(FormatError):
            builder.add("y.vqz", b"no VQZ file")
        for name in ("", "/a", "a//b", "a/", "../a", "a/./b", "a\\b", "a\0", "\ud800", "a" * 1025):
            with pytest.raises(FormatError, match="cannot be the name"):
                builder.add(name, PAPER_SCAN)
    after = Archive.open(study)
    assert list(after) == [*NAMES, "x.vqz"]
    assert after.read("x.vqz") == PAPER_SCAN.read_bytes()
    assert after.read("empty.tsv") == b""
    assert len(after.models()) == 2
    assert study.stat().st_size - size < 60_000, "weights are there once"
    assert list(before) == NAMES
    assert before.read(NAMES[0]) == PAPER_SCAN.read_bytes()


def test_a_block_that_fails_adds_nothing_more(study: Path, with_models: None) -> None:
    data = study.read_bytes()
    with pytest.raises(FormatError), Archive.append(study) as builder:
        builder.add("x.vqz", PAPER_SCAN)
        builder.add("", PAPER_SCAN)
    assert study.read_bytes() == data
    with pytest.raises(FormatError), Archive.append(study) as builder:
        builder.add("x.vqz", PAPER_SCAN)
        builder.commit()
        builder.add("y.vqz", PAPER_SCAN)
        builder.add("", PAPER_SCAN)
    assert list(Archive.open(study)) == [*NAMES, "x.vqz"]
    with pytest.raises(FormatError), Archive.create(study.with_name("new.h5")) as builder:
        builder.add("x.vqz", PAPER_SCAN)
        builder.add("", PAPER_SCAN)
    assert [path.name for path in study.parent.iterdir()] == ["study.h5"]


def test_one_writer_at_a_time(study: Path, with_models: None) -> None:
    with Archive.append(study) as builder:
        builder.add("x.vqz", PAPER_SCAN)
        for opening in (Archive.append(study), Archive.create(study, overwrite=True)):
            with pytest.raises(OSError, match="another program is using it") as caught, opening:
                pass
            assert caught.value.errno == errno.EBUSY
        assert list(Archive.open(study)) == NAMES
    with pytest.raises(FileExistsError), Archive.create(study):
        pass
    with Archive.append(study) as builder:
        builder.add("y.vqz", PAPER_SCAN)
    assert list(Archive.open(study)) == [*NAMES, "x.vqz", "y.vqz"]


def test_a_full_disk_leaves_what_was_there(
    study: Path, with_models: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vqcodec.formats import archive_writing

    data, write_at = study.read_bytes(), archive_writing.write_at

    def full(file: object, address: int, content: bytes) -> None:
        write_at(file, address, content[:7])  # type: ignore[arg-type]
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"), Archive.append(study) as builder:
        monkeypatch.setattr(archive_writing, "write_at", full)
        builder.add("x.vqz", PAPER_SCAN)
    assert study.read_bytes() == data


def test_archives_travel_to_other_processes_and_threads(study: Path) -> None:
    archive = pickle.loads(pickle.dumps(Archive.open(study)))
    vqz = pickle.loads(pickle.dumps(archive[NAMES[0]]))
    assert set(vqz.codes) == {"fine", "middle", "coarse"}
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.extend(archive.read(NAMES[i % 2]) for i in range(50)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {PAPER_SCAN.read_bytes(), WAVELET_SCAN.read_bytes()}
    archive.close()
    with pytest.raises(ValueError, match="is closed"):
        archive.read(NAMES[0])


def test_from_archive_to_archive(study: Path) -> None:
    other = study.with_name("other.h5")
    with Archive.create(other) as builder:
        builder.add("copy.vqz", Archive.open(study)[NAMES[0]])
    study.unlink()
    assert Archive.open(other).verify("copy.vqz")["frames"] == 1


def test_weights_that_are_not_here(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError), Archive.create(tmp_path / "a.h5") as builder:
        builder.add("a.vqz", PAPER_SCAN)
    assert list(tmp_path.iterdir()) == []
