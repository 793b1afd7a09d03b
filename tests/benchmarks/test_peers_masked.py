"""The encoder with mask and fill: what it is charged, what comes back, where there is no mask."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import curves, peers_masked
from benchmarks.peers import Array, Peer
from benchmarks.peers_video import PeerError

from .stubs import made_scan, stub_peer

SCAN = made_scan(shape=(22, 26, 18))


@pytest.fixture
def masked(monkeypatch: pytest.MonkeyPatch) -> Peer:
    """The masked peer around an encoder that stores 8 bits a voxel; a mask of 17 bytes."""

    def encode(values: Array, setting: float, axis: int) -> bytes:
        return np.rint(values * 255).astype(np.uint8).tobytes()

    def decode(data: bytes, shape: tuple[int, ...], axis: int) -> Array:
        return np.frombuffer(data, np.uint8).reshape(shape).astype(np.float32) / np.float32(255)

    plain = replace(stub_peer("SVT-AV1 p4"), encode=encode, decode=decode)
    monkeypatch.setattr(peers_masked, "named_peers", lambda names: (plain,))
    monkeypatch.setattr(peers_masked, "mask_bytes", lambda inside: 17)
    return peers_masked.masked_peer()


def test_the_foreground_comes_back_and_the_background_is_zero(masked: Peer) -> None:
    data = masked.encode(SCAN.values, 4, 0)
    decoded = masked.decode(data, SCAN.values.shape, 0)
    assert decoded.dtype == np.float32
    assert not decoded[~SCAN.foreground].any()
    assert np.abs(decoded - SCAN.values).max() <= 0.5 / 255 + 1e-6


def test_mask_and_stream_are_charged_and_nothing_else(masked: Peer, tmp_path: Path) -> None:
    box = peers_masked.box_of(SCAN.foreground)
    expected = 17 + SCAN.values[box].size
    data = masked.encode(SCAN.values, 4, 0)
    assert masked.charged(data) == expected < len(data)
    point = curves.point(masked, SCAN, 4, 0, tmp_path)
    assert point.nbytes == expected
    assert point.percent == SCAN.percent(expected)


def test_the_fill_keeps_the_foreground_and_softens_its_edge() -> None:
    filled = peers_masked.filled_box(SCAN.values, SCAN.foreground)
    box = peers_masked.box_of(SCAN.foreground)
    inside = SCAN.foreground[box]
    assert filled.shape == inside.shape
    assert np.array_equal(filled[inside], SCAN.values[box][inside])
    assert filled[~inside].min() >= 0
    assert filled[~inside].mean() > 0.1


def test_without_an_exact_background_there_is_no_such_peer(masked: Peer) -> None:
    with pytest.raises(PeerError, match="not exactly zero"):
        masked.encode(SCAN.values + np.float32(0.01), 4, 0)


def test_its_streams_are_not_those_of_the_plain_encoder(masked: Peer) -> None:
    assert peers_masked.DEFINITION in masked.software()


def test_the_mask_takes_the_bytes_of_a_file_of_vqcodec() -> None:
    assert 10 < peers_masked.mask_bytes(SCAN.foreground) < SCAN.foreground.size // 8
