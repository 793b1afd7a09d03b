from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vqcodec
from tests.codec.phantoms import head, nifti
from vqcodec import VQZ
from vqcodec.errors import FormatError, VolumeError, VqzError
from vqcodec.formats.urls import is_url
from vqcodec.formats.volumes import read_volume, volume_to_bytes

fsspec: Any = pytest.importorskip("fsspec")


def put(url: str, data: bytes) -> str:
    with fsspec.open(url, "wb") as stream:
        stream.write(data)
    return url


def test_what_is_a_url(tmp_path: Path) -> None:
    for url in ("s3://bucket/a.vqz", "https://host/a.vqz", "memory://a", "simplecache::s3://b/a"):
        assert is_url(url)
    for path in ("a.vqz", "/a/b.vqz", "C:\\a.vqz", "c://a", "a:b.vqz", tmp_path, "dir::x/a.vqz"):
        assert not is_url(path)


def test_there_and_back() -> None:
    volume = nifti(head((12, 14, 13)).astype(np.int16))
    source = put("memory://study/scan.nii.gz", volume_to_bytes(volume, ".nii.gz"))
    found = read_volume(source)
    assert (found.suffix, found.header_bytes) == (".nii.gz", volume.header_bytes)
    np.testing.assert_array_equal(found.array, volume.array)
    vqz = vqcodec.encode(source, quality=3, effort=1, device="cpu")
    packed = put("memory://study/scan.vqz", vqz.to_bytes())
    assert VQZ.open(packed).to_bytes() == vqz.to_bytes()
    image = vqcodec.decode(packed, device="cpu")
    assert image.shape == (12, 14, 13)
    assert vqcodec.verify(packed)["frames"] == 1


def test_what_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError):
        VQZ.open("memory://gone.vqz")
    with pytest.raises(FormatError):
        VQZ.open(put("memory://bad.vqz", b"nonsense"))
    with pytest.raises(VolumeError, match="is one half of a"):
        read_volume(put("memory://bad.hdr", b"nonsense"))
    with pytest.raises(VqzError, match=r"cannot read nowhere://a\.vqz: Protocol not known"):
        VQZ.open("nowhere://a.vqz")

    def fail(*_: object) -> None:
        raise RuntimeError("not\nallowed")

    monkeypatch.setattr(fsspec, "open", fail)
    with pytest.raises(OSError, match="not allowed"):
        VQZ.open("memory://a.vqz")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(VqzError, match=r"pip install 'vqcodec\[fsspec\]'"):
        VQZ.open("memory://a.vqz")
