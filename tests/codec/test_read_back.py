"""Reading back: a file that decodes to anything but what was written to it is never handed out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import vqcodec
from vqcodec.errors import FormatError
from vqcodec.frame_grids import DecodedFrame
from vqcodec.read_back import read_back
from vqcodec.vqz import VQZ, entropy_model_of

VOLUME = np.random.default_rng(0).random((20, 24, 16), np.float32)


@pytest.fixture(scope="module")
def vqz() -> VQZ:
    return vqcodec.encode(VOLUME, quality=4, effort=1, force=True)


@pytest.fixture(scope="module")
def written(vqz: VQZ) -> DecodedFrame:
    return vqz.decode_codes(entropy_model_of(vqz.load_model()))[0]


def _read(vqz: VQZ, written: DecodedFrame) -> None:
    with read_back(vqz, entropy_model_of(vqz.load_model()), [written]):
        pass


def test_a_file_that_holds_what_was_written_passes(vqz: VQZ, written: DecodedFrame) -> None:
    _read(vqz, written)


def test_one_wrong_code_is_seen(vqz: VQZ, written: DecodedFrame) -> None:
    fine = written.grids["fine"].copy()
    fine.reshape(-1)[7] ^= 1
    with pytest.raises(RuntimeError, match="does not decode to what was written"):
        _read(vqz, replace(written, grids={**written.grids, "fine": fine}))


def test_one_wrong_offset_is_seen(vqz: VQZ, written: DecodedFrame) -> None:
    offsets = [None if each is None else each.copy() for each in written.offsets]
    assert offsets[0] is not None
    offsets[0].reshape(-1)[3] += 0.25
    with pytest.raises(RuntimeError, match="does not decode to what was written"):
        _read(vqz, replace(written, offsets=tuple(offsets)))


def test_missing_offsets_are_seen(vqz: VQZ, written: DecodedFrame) -> None:
    with pytest.raises(RuntimeError, match="does not decode to what was written"):
        _read(vqz, replace(written, offsets=(None,) * len(written.offsets)))


def test_codes_of_another_hash_are_refused(vqz: VQZ, written: DecodedFrame) -> None:
    other = vqcodec.encode(VOLUME[::-1].copy(), quality=4, effort=1, force=True)
    swapped = VQZ(vqz.container, replace(vqz.parsed, codes_sha256=other.parsed.codes_sha256))
    with pytest.raises(FormatError, match="do not match their hash"):
        _read(swapped, written)


def test_what_fails_beside_it_is_what_is_told(vqz: VQZ, written: DecodedFrame) -> None:
    fine = np.zeros_like(written.grids["fine"])
    wrong = replace(written, grids={**written.grids, "fine": fine})
    model = entropy_model_of(vqz.load_model())
    with pytest.raises(ZeroDivisionError), read_back(vqz, model, [wrong]):
        _ = 1 // 0


@pytest.mark.parametrize("effort", [3, 5])
def test_the_encoder_reads_back_from_effort_4_on(
    effort: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(vqz: VQZ, model: object) -> list[DecodedFrame]:
        raise FormatError("looked at")

    monkeypatch.setattr(VQZ, "decode_codes", fails)
    if effort < 4:
        vqcodec.encode(VOLUME, quality=4, effort=effort, force=True)
        return
    with pytest.raises(FormatError, match="looked at"):
        vqcodec.encode(VOLUME, quality=4, effort=effort, force=True)
