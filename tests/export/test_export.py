"""``vqz export codes``."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from vqcodec import VQZ, encode
from vqcodec.cli.export_decoding import CodesJob, in_order
from vqcodec.cli.main import main
from vqcodec.cli.outcomes import Outcome
from vqcodec.registry import read_weights

from .conftest import MODEL, NAMES, SCAN, VECTORS

ROOT = Path(__file__).parents[2]
Capture = pytest.CaptureFixture[str]
LEVELS = ("fine", "middle", "coarse")


def export(*arguments: object) -> int:
    return main(["export", "codes", *map(str, arguments)])


def expected() -> dict[str, Any]:
    return dict(VQZ.open(SCAN).codes)


def check_stacks(found: Any, names: Any, metadata: list[dict[str, Any]]) -> None:
    assert list(names) == [name.removesuffix(".vqz") for name in NAMES]
    assert [each["name"] for each in metadata] == NAMES
    entries = read_weights(MODEL).tensors["quantisers.middle.codebooks.1.entries"]
    np.testing.assert_array_equal(found["codebooks/middle"][1], entries)
    assert found.attrs["model_sha256"] == read_weights(MODEL).sha256
    for level, grid in expected().items():
        assert found[level].shape == (3, *grid.shape)
        for row in range(3):
            np.testing.assert_array_equal(found[level][row], grid)


def test_hdf5(folder: Path, capsys: Capture) -> None:
    output = folder.with_name("codes.h5")
    assert export(folder, "-o", output, "--json") == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["source"] for record in records] == NAMES
    with h5py.File(output) as file:
        metadata = [json.loads(text) for text in file["metadata"].asstr()]
        check_stacks(file, file["name"].asstr(), metadata)
        assert file["fine"].chunks == (1, *expected()["fine"].shape)
    before = output.read_bytes()
    assert export(folder, "-o", output) == 73
    assert "exists already" in capsys.readouterr().err
    assert output.read_bytes() == before
    assert export(folder / "sub-02", "-o", output, "-f", "-q") == 0
    with h5py.File(output) as file:
        assert len(file["fine"]) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of POSIX")
@pytest.mark.parametrize("limit", [100, 3000, 20_000])
def test_a_full_disk_is_one_line(folder: Path, limit: int) -> None:
    code = (
        "import resource, signal, sys; from vqcodec.cli.main import entry;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, -1)); sys.exit(entry())"
    )
    output = folder.with_name("codes.h5")
    done = subprocess.run(
        [sys.executable, "-c", code, "export", "codes", str(folder), "-o", str(output)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 74
    assert done.stderr.splitlines() == [f"vqz: cannot write {output}: File too large"]
    assert not output.exists()
    assert not list(folder.parent.glob(".vqz-*"))


def test_zarr(folder: Path, capsys: Capture) -> None:
    zarr = pytest.importorskip("zarr")
    output = folder.with_name("codes.zarr")
    for _ in range(2):
        assert export(folder, "-o", output, "-f") == 0
        group = zarr.open_group(output, mode="r")
        check_stacks(group, group.attrs["name"], group.attrs["metadata"])
    assert export(folder, "-o", output) == 73
    assert {path.name for path in folder.parent.iterdir()} == {"packed", "codes.zarr"}
    (folder.parent / "precious.zarr").mkdir()
    (folder.parent / "precious.zarr" / "file").write_text("kept")
    assert export(folder, "-o", folder.parent / "precious.zarr", "-f") == 73
    assert (folder.parent / "precious.zarr" / "file").read_text() == "kept"


def test_without_zarr(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    assert export(folder, "-o", folder.with_name("codes.zarr")) == 69
    assert capsys.readouterr().err == (
        "vqz: writing .zarr needs zarr: python -m pip install 'vqcodec[zarr]'\n"
    )


def test_a_folder_of_npz(archive: Path, tmp_path: Path, capsys: Capture) -> None:
    shutil.copyfile(VECTORS / "good-paper-4d.vqz", tmp_path / "packed" / "4d.vqz")
    out = tmp_path / "out"
    assert export(archive, "-o", out, "-q") == 0
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.npz"))
    assert names == sorted(["codebooks.npz", *(name.replace(".vqz", ".npz") for name in NAMES)])
    with np.load(out / "sub-01" / "anat" / "b é.npz") as file:
        assert set(file) == {*LEVELS, "metadata"}
        assert json.loads(str(file["metadata"]))["name"] == NAMES[1]
        fine = file["fine"]
    with np.load(out / "codebooks.npz") as file:
        assert json.loads(str(file["about"]))["model_sha256"] == read_weights(MODEL).sha256
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setenv("VQZ_MODEL_PATH", str(MODEL))
        np.testing.assert_array_equal(fine, expected()["fine"])
        assert export(tmp_path / "packed", "-o", out) == 0
        assert export(tmp_path / "packed", "-o", out, "-f") == 0
    assert list(out.glob("4d_frame-*.npz"))


def test_one_bad_scan_does_not_stop_the_rest(folder: Path, capsys: Capture) -> None:
    (folder / "bad.vqz").write_text("bad")
    data = bytearray(SCAN.read_bytes())
    data[-1] ^= 1
    (folder / "0.vqz").write_bytes(data)
    values = np.arange(512, dtype=np.int16).reshape(8, 8, 8)
    encode(values, lossless=True, model=str(MODEL)).save(folder / "kept.vqz")
    shutil.copyfile(VECTORS / "good-paper-fewer-stages.vqz", folder / "larger.vqz")
    output = folder.with_name("codes.h5")
    assert export(folder, "-o", output) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 4
    assert errors[1].endswith(
        "kept.vqz: holds no codes, its voxels are kept lossless or within a bound"
    )
    assert errors[2].startswith("vqz: 0: ")
    assert "export to a folder of .npz files" in errors[3]
    with h5py.File(output) as file:
        assert len(file["fine"]) == len(file["name"]) == 3


def test_several_processes_write_the_same(
    folder: Path, archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (folder / "aa.vqz").write_text("bad")
    data = bytearray(SCAN.read_bytes())
    data[-1] ^= 1
    (folder / "b.vqz").write_bytes(data)
    one, three, of_archive = (folder.with_name(f"{name}.h5") for name in ("one", "three", "arch"))
    assert export(archive, "-o", of_archive, "-j", 2) == 0
    monkeypatch.setenv("VQZ_MODEL_PATH", str(MODEL))
    capsys.readouterr()
    assert export(folder, "-o", one) == 1
    said = capsys.readouterr()
    assert export(folder, "-o", three, "-j", 3) == 1
    assert capsys.readouterr() == said
    assert three.read_bytes() == one.read_bytes()
    assert of_archive.read_bytes() == one.read_bytes()


def test_results_wait_for_their_turn() -> None:
    def ended() -> Iterator[tuple[CodesJob, Outcome]]:
        for number in (2, 0, 3, 1):
            yield CodesJob(str(number), Path(), number), Outcome(str(number))

    assert [outcome.source for outcome in in_order(ended())] == ["0", "1", "2", "3"]


def test_a_folder_that_was_stopped_goes_on(folder: Path, capsys: Capture) -> None:
    output = folder.with_name("out")
    assert export(folder, "-o", output, "-q") == 0
    whole = {path: path.read_bytes() for path in output.rglob("*.npz")}
    (output / "a.npz").unlink()
    (output / "sub-02" / "c.npz").write_bytes(b"of something else")
    capsys.readouterr()
    assert export(folder, "-o", output, "--json") == 1
    said = capsys.readouterr()
    assert said.err.count("c.npz exists already and is of something else (-f overwrites it)") == 1
    records = [json.loads(line) for line in said.out.splitlines()]
    done = {record["name"]: record.get("skipped") for record in records if "name" in record}
    assert done == {"sub-01/anat/b é": True, "a": None}
    assert (output / "a.npz").read_bytes() == whole[output / "a.npz"]
    assert export(folder, "-o", output, "-f", "-q") == 0
    assert {path: path.read_bytes() for path in output.rglob("*.npz")} == whole


def test_outputs_that_are_refused(folder: Path, archive: Path, capsys: Capture) -> None:
    before = archive.read_bytes()
    assert export(archive, "-o", archive, "-f") == 2
    assert "is an input and would be overwritten" in capsys.readouterr().err
    assert archive.read_bytes() == before
    for name in ("codes.npz", "codes.vqz"):
        assert export(folder, "-o", folder.with_name(name), "-f") == 2
        assert not folder.with_name(name).exists()
    taken = folder.with_name("taken")
    taken.write_text("a file")
    assert export(archive, "-o", taken, "-f") == 73
    assert taken.read_text() == "a file"


def test_nothing_to_export(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "bad.vqz").write_text("bad")
    output = tmp_path / "codes.h5"
    assert export(tmp_path / "empty", "-o", output) == 66
    assert export(tmp_path / "nowhere", "-o", output) == 66
    assert export(SCAN, "-o", output) == 65
    assert export(tmp_path / "bad", "-o", output) == 65
    shutil.copyfile(VECTORS / "good-int16-masked.vqz", folder / "wavelet.vqz")
    assert export(folder, "-o", output) != 0
    assert "unexpected" not in capsys.readouterr().err
    assert not output.exists()


def test_it_needs_no_torch(folder: Path, tmp_path: Path) -> None:
    code = "import sys; sys.modules['torch'] = None\nfrom vqcodec.cli.main import main\n"
    command = (
        f"sys.exit(main(['export', 'codes', {str(folder)!r}, '-o', {str(tmp_path / 'x.h5')!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + command], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
