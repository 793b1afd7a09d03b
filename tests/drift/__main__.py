"""``python -m tests.drift write FILE.npz`` here and elsewhere, then ``compare FILE.npz ...``."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import click
import numpy as np
import torch

from .files import TOLERANCE, decoded, names, write_missing

THREADS = (1, 2, 4)


@click.group()
def main() -> None:
    """Decode the same files in several environments, and compare voxels."""


@main.command()
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def write(target: Path) -> None:
    """Decode everything here, with several numbers of threads and with CUDA if there is one."""
    software = f"torch {torch.__version__}, Python {platform.python_version()}"
    found = {}
    for name in names():
        for threads in THREADS:
            found[f"{name}|{software}, {threads} threads"] = decoded(name, threads=threads)
        if torch.cuda.is_available():
            device = torch.cuda.get_device_name()
            found[f"{name}|{software}, {device}"] = decoded(name, device="cuda")
    np.savez(target, **found)  # type: ignore[arg-type]
    click.echo(f"{target}: {len(found)} volumes, {software}")


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def compare(files: tuple[Path, ...]) -> None:
    """Largest difference of a voxel to the first file's first environment, as Markdown."""
    volumes = {}
    for file in files:
        with np.load(file) as held:
            volumes.update({tuple(key.split("|")): held[key] for key in held.files})
    places = list(dict.fromkeys(place for _, place in volumes))
    click.echo("| environment | " + " | ".join(names()) + " |")
    click.echo("|---|" + "---:|" * len(names()))
    largest = 0.0
    for place in places:
        differences = [
            float(np.abs(volumes[name, place] - volumes[name, places[0]]).max()) for name in names()
        ]
        largest = max(largest, *differences)
        click.echo(f"| {place} | " + " | ".join(f"{each:.1e}" for each in differences) + " |")
    click.echo(f"\nlargest {largest:.1e} of the scale; {TOLERANCE:g} is allowed")
    sys.exit(0 if largest <= TOLERANCE else 1)


@main.command()
def update() -> None:
    """Write files of the default model that are missing."""
    write_missing()


if __name__ == "__main__":
    main()
