"""``CodesDataset``: codes of a folder or an archive, cached, in several processes."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from vqcodec import VQZ, Archive, CodesDataset, decode, decode_codes
from vqcodec.errors import FormatError, UnsupportedError
from vqcodec.models.paper_family import PaperModel
from vqcodec.networks import network_of

from .conftest import NAMES, SCAN, VECTORS

LEVELS = ("fine", "middle", "coarse")


def equal(item: dict[str, Any], vqz: VQZ) -> bool:
    return all(np.array_equal(item[level].numpy(), vqz.codes[level]) for level in LEVELS)


@pytest.mark.parametrize("kind", ["folder", "archive", "mapping"])
def test_every_scan_gives_its_codes(kind: str, request: pytest.FixtureRequest) -> None:
    source = request.getfixturevalue("archive" if kind == "archive" else "folder")
    if kind == "mapping":
        source = {name: VQZ.open(source / name) for name in NAMES}
    dataset = CodesDataset(source, cache=False)
    assert len(dataset) == 3
    request.getfixturevalue("with_model")
    expected = (Archive.open(source) if kind == "archive" else {"a.vqz": VQZ.open(SCAN)})["a.vqz"]
    for place, name in enumerate(NAMES):
        item = dataset[place]
        assert equal(item, expected)
        assert item["fine"].dtype == torch.uint8
        assert item["metadata"]["name"] == name
        assert item["metadata"]["shape"] == list(expected.parsed.volume.shape)
    with pytest.raises(IndexError):
        _ = dataset[3]


def test_embeddings_are_what_the_decoder_looks_up(folder: Path) -> None:
    dataset = CodesDataset(folder, embeddings=True, cache=False)
    item = dataset[1]
    network = network_of(dataset.model)
    assert isinstance(network, PaperModel)
    for level in LEVELS:
        expected = network.network.quantiser_of(level).decode(item[level][None])[0]
        torch.testing.assert_close(item[f"{level}_embedding"], expected)


def test_from_the_second_time_on_nothing_is_decoded(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    first = CodesDataset(folder, cache=cache)[0]
    expected = VQZ.open(SCAN)
    assert equal(first, expected)
    (path,) = cache.rglob("*.npz")
    with monkeypatch.context() as patch:
        patch.setattr(VQZ, "all_codes", None)
        for item in CodesDataset(folder, cache=cache):  # type: ignore[attr-defined]
            assert equal(item, expected)
            if item["metadata"]["name"] == NAMES[-1]:
                break
    good = path.read_bytes()
    for bad in (
        b"",
        b"PK",
        good[:-100],
        good.replace(bytes(expected.codes["fine"][0, 0, 0]), b"x"),
    ):
        path.write_bytes(bad)
        assert equal(CodesDataset(folder, cache=cache)[0], expected)
        assert path.read_bytes() == good


def test_the_users_cache_is_the_default(folder: Path, tmp_path: Path) -> None:
    _ = CodesDataset(folder)[0]
    assert len(list((tmp_path / "user-cache").rglob("*.npz"))) == 1


def test_batches_of_a_dataset_that_was_sent_to_a_worker(archive: Path, tmp_path: Path) -> None:
    dataset = CodesDataset(archive, cache=tmp_path / "cache", embeddings=True)
    expected = dataset[0]
    loader = DataLoader(pickle.loads(pickle.dumps(dataset)), batch_size=3)
    (batch,) = list(loader)
    assert batch["metadata"]["name"] == NAMES
    assert torch.equal(batch["fine"], torch.stack([expected["fine"]] * 3))
    assert batch["coarse_embedding"].shape[0] == 3


def test_frames_are_items_and_constant_ones_are_not(tmp_path: Path) -> None:
    shutil.copyfile(VECTORS / "good-paper-4d.vqz", tmp_path / "4d.vqz")
    vqz = VQZ.open(tmp_path / "4d.vqz")
    frames = [at for at, frame in enumerate(vqz.parsed.frames) if not frame.is_constant]
    dataset = CodesDataset(tmp_path, cache=False)
    assert [dataset[place]["metadata"]["frame"] for place in range(len(dataset))] == frames
    for place, frame in enumerate(frames):
        np.testing.assert_array_equal(dataset[place]["fine"], vqz.all_codes()[frame]["fine"])


def test_the_largest_part_of_one_shape(folder: Path) -> None:
    shutil.copyfile(VECTORS / "good-paper-fewer-stages.vqz", folder / "0.vqz")
    dataset = CodesDataset(folder, cache=False)
    part = dataset.of_one_shape()
    assert [item["metadata"]["name"] for item in (part[place] for place in range(3))] == NAMES
    assert (len(dataset), len(part)) == (4, 3)
    assert len(CodesDataset({}).of_one_shape()) == 0


def test_what_cannot_be_a_dataset(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        CodesDataset(tmp_path / "nowhere")
    assert len(CodesDataset(tmp_path / "packed" / "sub-02")) == 1
    other = tmp_path / "other"
    other.mkdir()
    shutil.copyfile(VECTORS / "good-int16-masked.vqz", other / "wavelet.vqz")
    with pytest.raises(UnsupportedError, match=r"a.vqz was written with .* do not mean"):
        CodesDataset({"a.vqz": VQZ.open(SCAN), "w.vqz": VQZ.open(other / "wavelet.vqz")})
    (folder / "sub-02" / "bad.vqz").write_text("bad")
    with pytest.raises(FormatError, match=r"^sub-02/bad.vqz: not a VQZ file"):
        CodesDataset(folder)


def test_codes_back_to_voxels(folder: Path) -> None:
    """Codes of a scan give the voxels of its decoding, before scaling and masking."""
    dataset = CodesDataset(folder, cache=False)
    item, vqz = dataset[0], VQZ.open(SCAN)
    frame = vqz.parsed.frames[0]
    x = decode_codes(item, dataset.model, shape=frame.extent, device="cpu")
    assert x.shape == frame.extent
    assert decode_codes(item, dataset.model).shape == tuple(
        64 * n for n in item["coarse"].shape[1:]
    )
    stored = np.clip(np.rint(frame.offset + frame.scale * x), frame.minimum, frame.maximum)
    decoded = np.asarray(decode(vqz).dataobj)
    turned = decoded.transpose(vqz.parsed.volume.axes)
    turned = np.flip(turned, [axis for axis, flip in enumerate(vqz.parsed.volume.flips) if flip])
    box = tuple(
        slice(start, start + side) for start, side in zip(frame.origin, frame.extent, strict=True)
    )
    inside = turned[box] != frame.background
    assert inside.sum() > 100
    np.testing.assert_allclose(stored[inside], turned[box][inside], atol=1)
    with pytest.raises(FormatError):
        decode_codes({"fine": item["fine"]}, dataset.model)
    with pytest.raises(UnsupportedError, match="no token model"):
        decode_codes(item, "vqcodec-t1-1")


def test_a_damaged_scan_is_named(folder: Path) -> None:
    data = bytearray(SCAN.read_bytes())
    data[-1] ^= 1
    (folder / "0.vqz").write_bytes(data)
    dataset = CodesDataset(folder, cache=False)
    assert dataset.model.family == "paper"
    with pytest.raises(FormatError, match=r"^0\.vqz: "):
        dataset[0]
