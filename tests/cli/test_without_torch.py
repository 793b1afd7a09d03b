"""What works where torch is not installed, and what is said where it is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors"
FILE = str(VECTORS / "good-nifti2.vqz")

SCRIPT = """
import contextlib, io, json, sys

class Missing:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing)
from vqcodec.cli.main import main

results = []
for words in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    results.append([code, out.getvalue(), err.getvalue()])
import vqcodec
for name in vqcodec.__all__:
    try:
        getattr(vqcodec, name)
        results.append([name, None])
    except ModuleNotFoundError as error:
        results.append([name, str(error)])
assert not any(name.partition(".")[0] == "torch" for name in sys.modules)
print(json.dumps(results))
"""

WORK = [
    ["--help"],
    ["--version"],
    ["info", FILE],
    ["info", "-v", "--json", FILE],
    ["test", FILE],
    ["models", "list"],
    ["compress", "-n", str(ROOT / "README.md.nii")],
    *(
        [command, "--help"]
        for command in ("compress", "decompress", "info", "test", "compare", "report")
    ),
]
NEED_TORCH = [
    ["decompress", FILE, "-o", "{folder}/back.nii"],
    ["compress", "{folder}/scan.npy"],
    ["compare", FILE, FILE],
    ["report", FILE, "-o", "{folder}/page.html"],
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    import numpy as np

    folder = tmp_path_factory.mktemp("without")
    np.save(folder / "scan.npy", np.arange(1000.0).reshape(10, 10, 10))
    commands = [
        [word.replace("{folder}", str(folder)) for word in words] for words in WORK + NEED_TORCH
    ]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(commands)],
        cwd=ROOT,
        env={**os.environ, "VQZ_MODEL_PATH": str(VECTORS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["scan.npy"]
    found: list[list[str]] = json.loads(done.stdout)
    return found


def test_what_needs_no_torch(results: list[list[str]]) -> None:
    for words, (code, out, err) in zip(WORK, results, strict=False):
        if words[0] == "compress" and words[1] == "-n":
            assert code == 66  # there is no such file, and that is what is said
            continue
        assert (code, err) == (0, ""), words
        assert out


def test_what_needs_torch_says_so_in_a_line(results: list[list[str]]) -> None:
    for words, (code, out, err) in zip(NEED_TORCH, results[len(WORK) :], strict=False):
        assert code == 69, words
        assert out == ""
        assert err.count("\n") == 1
        assert "needs torch, which is not installed (pip install torch)" in err


def test_the_python_api_says_so_too(results: list[list[str]]) -> None:
    said = dict(results[len(WORK) + len(NEED_TORCH) :])
    for name in ("encode", "decode"):
        assert (
            said[name] == f"vqcodec.{name} needs torch, which is not installed (pip install torch)"
        )
    assert {name for name, message in said.items() if message} == {
        "CodesDataset",
        "decode",
        "decode_codes",
        "encode",
    }
