"""Files do not depend on how many threads torch has."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.cli.conftest import make_scan
from vqcodec.cli.main import main
from vqcodec.device import one_torch_thread

MODEL = Path(__file__).parents[1] / "vectors" / "model-tiny.safetensors"


def test_one_thread_and_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with one_torch_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_folder_runs_use_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import vqcodec

    make_scan(tmp_path / "study" / "scan.nii.gz")
    seen: list[int] = []
    encode = vqcodec.encode

    def watched(*arguments: object, **options: object) -> object:
        seen.append(torch.get_num_threads())
        return encode(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setitem(vars(vqcodec), "encode", watched)
    monkeypatch.setattr("vqcodec.codec.encode", watched)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        words = ["--model", str(MODEL), "--quality", "2", "--effort", "1", "--force", "-q"]
        study, out = str(tmp_path / "study"), str(tmp_path / "out")
        assert main(["compress", "-r", study, "--output-dir", out, "-j", "1", *words]) == 0
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == [1]
