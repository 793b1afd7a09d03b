"""What a measurement was made on: machine, versions, commit. Every table carries it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path

from vqcodec.cores import bound_cores

PACKAGES = (
    *("vqcodec", "numpy", "scipy", "torch", "constriction", "nibabel"),
    *("imagecodecs", "pytorch-msssim", "zstandard", "dipy", "antspyx", "nilearn", "bjontegaard"),
)
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def machine() -> dict[str, str]:
    """Machine, software and commit as flat text, ready for JSON."""
    record = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(),
        "processor": processor(),
        "cores": str(bound_cores()),
        "memory": memory(),
        "platform": platform.platform(),
        "python": platform.python_version(),
    }
    record |= {name: version(name) for name in PACKAGES}
    record |= {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ}
    return record


def described(record: dict[str, str]) -> str:
    """The record as a few lines for the head of a table."""
    software = ", ".join(f"{name} {record[name]}" for name in PACKAGES if name in record)
    threads = ", ".join(f"{name}={record[name]}" for name in THREAD_VARIABLES if name in record)
    return "\n".join(
        [
            f"{record['date']}, commit {record['commit']}",
            f"{record['processor']}, {record['cores']} cores, {record['memory']}"
            + (f", {threads}" if threads else ""),
            f"{record['platform']}, Python {record['python']}",
            software,
        ]
    )


def commit() -> str:
    """Short hash of the checkout, marked when files differ from it; ``unknown`` without git."""
    root = Path(__file__).resolve().parents[1]
    try:
        named = _git(root, "rev-parse", "--short=12", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{named} with local changes" if changed else named


def processor() -> str:
    """Model name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def memory() -> str:
    """Physical memory in GiB."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return "unknown memory"
    return f"{total / 2**30:.1f} GiB"


def version(package: str) -> str:
    """Installed version, or ``not installed``."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
