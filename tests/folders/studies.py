"""Folders to convert, and what became of them."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path

from tests.cli.conftest import encode, make_scan
from vqcodec.folders.journal import JOURNAL_NAME
from vqcodec.folders.lock import LOCK_NAME

ROOT = Path(__file__).parents[2]
STAND_IN = Path(__file__).with_name("stand_in.py")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def make_study(place: Path, subjects: int) -> Path:
    for number in range(subjects):
        scan = make_scan(place / f"sub-{number:02d}" / "anat" / f"sub-{number:02d}_T1w.nii.gz")
        scan.with_name(f"sub-{number:02d}_T1w.json").write_text(json.dumps({"Subject": number}))
    return place


def converted(study: Path) -> dict[str, bytes]:
    """What the stand-in codec makes of a study."""
    return {
        name.replace(".nii.gz", ".vqz"): (
            encode(study / name).to_bytes() if name.endswith(".nii.gz") else data
        )
        for name, data in tree(study).items()
    }


def vqz(*arguments: object) -> list[str]:
    return [sys.executable, str(STAND_IN), *map(str, arguments)]


def tree(folder: Path) -> dict[str, bytes]:
    """Content of every file, apart from journal and lock."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (JOURNAL_NAME, LOCK_NAME)
    }


def times_done(folder: Path) -> Counter[str]:
    """How often the journal says of each result that it was made."""
    path = folder / JOURNAL_NAME
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    events = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return Counter(event["result"] for event in events if event["event"] == "done")
