"""Files at equal bytes: a peer never has fewer, and what was coded once is not coded again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import coded_files
from benchmarks.coded_files import own_file, peer_file, setting_for
from benchmarks.curves import OutsideCurveError
from benchmarks.own_curve import OwnCodec

from .stubs import made_scan, stub_peer

SCAN = made_scan()


@pytest.mark.parametrize("nbytes", [50, 77, 301, 600])
@pytest.mark.parametrize("step", [0.0, 1.0])
def test_a_peer_has_at_least_the_bytes_and_hardly_more(nbytes: int, step: float) -> None:
    peer = replace(stub_peer(), step=step)

    def size(setting: float) -> int:
        return round(20 * setting)

    setting = setting_for(peer, nbytes, size)
    assert size(setting) >= nbytes
    assert size(setting) <= (nbytes + 20 * step if step else 1.02 * nbytes)
    if step:
        assert setting == round(setting)


def test_ladders_that_climb_down_are_searched_too() -> None:
    peer = replace(stub_peer(settings=(50, 40, 30, 20, 10)), step=1.0)
    setting = setting_for(peer, 700, lambda setting: int(20 * (60 - setting)))
    assert setting == 25


def test_outside_the_ladder_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutsideCurveError, match="needs at least 40 bytes, not 30"):
        peer_file(SCAN, stub_peer(), 30, tmp_path)
    with pytest.raises(OutsideCurveError, match="no files as large as 641"):
        peer_file(SCAN, stub_peer(), 641, tmp_path)


def test_a_file_of_a_peer_decodes() -> None:
    peer = stub_peer()
    data = peer.encode(SCAN.values, 8, 0)
    assert peer.decode(data, SCAN.values.shape, 0).shape == SCAN.values.shape


def test_our_file_is_coded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float | None] = []

    def encode(values: object, aim: Mapping[str, float | None]) -> bytes:
        seen.append(aim["ratio"])
        return b"file"

    codec = OwnCodec("vqcodec", encode, lambda data: SCAN.values)
    first = own_file(SCAN, codec, {"id": "a"}, {"ratio": 0.2}, tmp_path)
    again = own_file(SCAN, codec, {"id": "a"}, {"ratio": 0.2}, tmp_path)
    assert (again.nbytes, again.key) == (first.nbytes, first.key) == (4, first.key)
    assert again.decode() is SCAN.values
    assert seen == [0.2]
    own_file(SCAN, codec, {"id": "a"}, {"ratio": 0.3}, tmp_path)
    own_file(SCAN, codec, {"id": "b"}, {"ratio": 0.3}, tmp_path)
    monkeypatch.setattr(coded_files, "sources_digest", lambda: "changed")
    own_file(SCAN, codec, {"id": "b"}, {"ratio": 0.3}, tmp_path)
    assert seen == [0.2, 0.3, 0.3, 0.3]
