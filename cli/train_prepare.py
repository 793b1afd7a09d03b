"""``vqz train prepare``: a folder or manifest of scans to a training pack."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .console import Console, file_size, printable, put
from .exits import Code, writing

if TYPE_CHECKING:
    from ..trainer.scan_sources import ScanSource


@click.command(
    epilog=options.examples(
        "vqz train prepare scans -o pack.h5",
        "vqz train prepare scans.csv -o pack.h5 --frame paper --register mni",
    )
)
@click.argument("scans", type=options.PATH, required=False)
@click.option("-o", "--output", type=options.PATH, required=True, help="The pack, HDF5.")
@click.option(
    "--frame",
    type=click.Choice(["own", "paper", "low"]),
    default="own",
    show_default=True,
    help="Voxels of the scans' own, or conformed to 192x256x192 at 1 mm or 64^3 at 3 mm.",
)
@click.option(
    "--dtype",
    type=click.Choice(["uint16", "uint8"]),
    default="uint16",
    show_default=True,
    help="How voxels are stored; uint8 clips what is above 1.25 of the robust range.",
)
@click.option(
    "--split",
    "splits",
    multiple=True,
    default=("train", "val"),
    show_default=True,
    help="Rows of the manifest to take; may be given again.",
)
@click.option(
    "--register",
    type=click.Choice(["mni"]),
    help="Bring scans to MNI space with ANTs; needs the extra 'mni'. Half a minute a scan.",
)
@click.option(
    "--strip",
    is_flag=True,
    help="Keep only the brain, by the MNI152 template's mask; needs the extra 'mni'.",
)
@click.option(
    "--blur",
    type=click.FloatRange(0, 20),
    metavar="MM",
    help="How softly the mask of --strip ends: standard deviation of a Gaussian, 2 by default.",
)
@click.option("--modality", default="T1w", show_default=True, help="Rows to take; 'any' for all.")
@click.option("--license", default="unknown", help="Of scans that no manifest describes.")
@click.option(
    "--val-share",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    help="Share of a folder without a manifest to hold out for validation.",
)
@click.option(
    "--synthetic",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Add N deformed MNI152 templates; SCANS is then optional.",
)
@click.option("--seed", type=int, default=0, help="Of the synthetic volumes.")
@options.overwrite
@options.reporting
def prepare(
    scans: Path | None,
    output: Path,
    frame: Any,
    dtype: Any,
    splits: tuple[str, ...],
    register: Any,
    strip: bool,
    blur: float | None,
    modality: str,
    license: str,
    val_share: float,
    synthetic: int,
    seed: int,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Pack SCANS, a folder or a manifest (CSV with a column 'path'), for training.

    A scan that cannot be used is named and skipped.
    """
    if scans is None and not synthetic:
        raise click.UsageError("give a folder or a manifest, or --synthetic")
    if blur is not None and not strip:
        raise click.UsageError("--blur is for the mask of --strip")
    console = options.console_of(as_json, quiet, verbose)
    from ..trainer.pack_preparation import PreparationOptions, prepare_pack
    from ..trainer.scan_sources import sources_of

    sources: Sequence[ScanSource] = ()
    if scans is not None:
        wanted = None if modality == "any" else modality
        sources = sources_of(scans, splits, wanted, license, val_share)

    settings = PreparationOptions(dtype, frame, synthetic, seed, register, strip)
    if blur is not None:
        settings = replace(settings, blur_mm=blur)
    with writing(output):
        summary = prepare_pack(
            sources, output, settings, overwrite, _say_skipped, _watching(console)
        )
    record = {"output": str(output), "packed": summary.packed, "skipped": len(summary.skipped)}
    line = f"{output}: {summary.packed} scans, {file_size(summary.nbytes)}"
    note = f", {len(summary.skipped)} skipped" if summary.skipped else ""
    console.result({**record, "bytes": summary.nbytes}, [line + note])
    return Code.SOME_FAILED if summary.skipped else Code.DONE


def packed_in(out: Path, scans: Path | None, console: Console) -> Path:
    """Pack scans into the folder of a run, unless that was done before; the pack's path."""
    pack = out / "pack.h5"
    if pack.exists() or scans is None:
        return pack
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise click.UsageError("--data is for one process; make a pack with vqz train prepare")
    from ..trainer.pack_preparation import PreparationOptions, prepare_pack
    from ..trainer.scan_sources import sources_of

    sources = sources_of(scans)
    with writing(pack):
        out.mkdir(parents=True, exist_ok=True)
        prepare_pack(sources, pack, PreparationOptions(), False, _say_skipped, _watching(console))
    return pack


def _say_skipped(name: str, reason: str) -> None:
    put(f"vqz: {printable(name)}: {printable(reason)}, skipped", sys.stderr)


def _watching(console: Console) -> Callable[[Sequence[ScanSource]], Iterator[ScanSource]]:
    return lambda found: console.progress(found, [source.name for source in found])
