"""Peers give back the volume they were given, about, in its shape and place."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import peers, peers_video
from benchmarks.peers import Peer
from vqcodec import metrics

from .stubs import made_scan

PEERS = {peer.name: peer for peer in peers.all_peers()}


def skip_if_missing(peer: Peer) -> None:
    reason = peer.missing()
    if reason is not None:
        pytest.skip(reason)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("name", ["SVT-AV1 p4", "x265 slow"])
def test_video_peers_round_trip_along_every_axis(name: str, axis: int) -> None:
    peer = PEERS[name]
    skip_if_missing(peer)
    values = made_scan(shape=(13, 66, 71)).values
    data = peer.encode(values, 12, axis)
    decoded = peer.decode(data, values.shape, axis)
    assert decoded.shape == values.shape
    assert decoded.dtype == np.float32
    assert metrics.psnr(values, decoded, 1.0) > 35
    assert len(peer.encode(values, 45, axis)) < len(data)


def test_more_cores_do_not_change_the_bytes_of_svt_av1() -> None:
    peer = peers.parallel_peer()
    skip_if_missing(peer)
    values = made_scan(shape=(13, 66, 71)).values
    assert peer.encode(values, 45, 0) == PEERS["SVT-AV1 p4"].encode(values, 45, 0)
    assert peer.software() == PEERS["SVT-AV1 p4"].software().replace("lp=1", "lp=0 -threads 0")


@pytest.mark.parametrize(
    ("name", "setting"),
    [("SPERR 3D", 1.2), ("SZ3", 0.02), ("JPEG 2000", 46), ("JPEG XL", 1), ("zfp", 0.1)],
)
def test_array_peers_round_trip(name: str, setting: float) -> None:
    peer = PEERS[name]
    skip_if_missing(peer)
    values = made_scan(shape=(33, 40, 29)).values
    decoded = peer.decode(peer.encode(np.asfortranarray(values), setting, 0), values.shape, 0)
    assert decoded.shape == values.shape
    assert decoded.dtype == np.float32
    assert metrics.psnr(values, decoded, 1.0) > 30


def test_settings_climb_and_every_peer_has_its_own_name() -> None:
    assert len(PEERS) == len(peers.all_peers())
    for peer in PEERS.values():
        steps = np.diff(peer.settings)
        assert (steps > 0).all() or (steps < 0).all()


def test_frames_are_even_and_at_least_64() -> None:
    assert peers_video.frame_shape((5, 64, 71), 0) == (5, 64, 72)
    assert peers_video.frame_shape((65, 9, 200), 1) == (9, 66, 200)
    frames = peers_video.luma_frames(np.full((5, 63, 71), 0.5, np.float32), 0)
    assert frames.shape == (5, 64, 72)
    assert set(np.unique(frames)) == {512}


def test_levels_cover_the_whole_10_bit_range() -> None:
    values = np.zeros((64, 64, 2), np.float32)
    values[0], values[1] = 1.0, 1.5
    frames = peers_video.luma_frames(values, 2)
    assert frames.shape == (2, 64, 64)
    assert frames.max() == 1023
    assert frames.min() == 0


def test_a_missing_ffmpeg_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert PEERS["SVT-AV1 p4"].missing() == "ffmpeg is not installed"


def test_a_missing_imagecodecs_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise ImportError("No module named 'imagecodecs'")

    monkeypatch.setattr(peers, "imagecodecs", absent)
    reason = PEERS["SPERR 3D"].missing()
    assert reason is not None
    assert reason.startswith("imagecodecs is not installed")


def test_an_ffmpeg_that_fails_is_an_error() -> None:
    skip_if_missing(PEERS["SVT-AV1 p4"])
    with pytest.raises(peers_video.PeerError):
        peers_video.SVT_AV1.decode(b"no stream", (4, 64, 64), 0)
