"""What may be loaded by what, seen in ``sys.modules`` of a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

import vqcodec

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "nibabel", "scipy", "h5py", "matplotlib", "nilearn", "pandas", "requests"}


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a statement loads in a fresh interpreter."""
    code = f"{statement}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import vqcodec", {*HEAVY, "numpy", "click"}),
        ("import vqcodec.formats.container", {*HEAVY, "numpy", "click"}),
        ("import vqcodec.cli.main", {*HEAVY, "numpy", "tqdm", "click"}),
        ("import vqcodec.cli.group", {*HEAVY, "numpy", "tqdm"}),
        ("import vqcodec.device", {"torch"}),
        ("import vqcodec.formats.volumes", {"torch", "click"}),
        ("import vqcodec.conform, vqcodec.metrics", {"torch", "click"}),
        ("import vqcodec.registry; vqcodec.list_models()", {"torch", "click", "nibabel"}),
        ("import vqcodec.vqz", {"torch", "click"}),
        ("import vqcodec; vqcodec.verify", {"torch", "click"}),
        ("from vqcodec.cli.main import main; main(['models', 'list'])", {"torch", "nibabel"}),
    ],
)
def test_what_is_not_loaded(statement: str, unwanted: set[str]) -> None:
    assert loaded_by(statement) & unwanted == set()


def test_import_rules_hold() -> None:
    pytest.importorskip("importlinter")
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as run; run()",
    ]
    done = subprocess.run(
        [*command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_every_public_name_exists() -> None:
    for name in vqcodec.__all__:
        assert getattr(vqcodec, name) is not None
    assert set(vqcodec.__all__) <= set(dir(vqcodec))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = vqcodec.nonsense


@pytest.mark.parametrize(
    ("arguments", "limit"),
    [(["-c", "import vqcodec"], 0.2), (["-m", "vqcodec.cli", "--help"], 0.3)],
)
def test_start_is_quick(arguments: list[str], limit: float) -> None:
    """The best of several runs, less what an empty interpreter takes on this machine."""
    empty = min(seconds_of(["-c", "pass"]) for _ in range(3))
    assert min(seconds_of(arguments) for _ in range(7)) - empty < limit


def seconds_of(arguments: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
