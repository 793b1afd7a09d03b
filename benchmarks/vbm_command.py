"""``python -m benchmarks vbm``: grey matter maps of originals and decoded volumes."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import cast

import click
import nibabel as nib
import numpy as np

from vqcodec.errors import ModelUnavailableError, VqzError

from .coded_files import own_file
from .documents import Document, data_hashes, show, started, write
from .own_curve import OwnCodec, identity_of_model, own_codec
from .rate_distortion import DEFAULT_LIMIT
from .scan_choice import device_option, json_option, listed, loaded, scan_options
from .scans import Entry, Scan, data_folder
from .segmentation import SegmentationError, Segmenter, hmrf
from .vbm import FULL, QUICK, Placed, VbmSettings, grey_map, missing
from .vbm_groups import DATA_SET, GroupError, groups
from .vbm_report import Maps, results

PATIENT_COUNT, QUICK_COUNT, QUICK_EFFORT = 10, 3, 1
THREADS = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"


@click.command("vbm")
@scan_options
@click.option("--rate", type=float, default=DEFAULT_LIMIT, show_default=True, help="Percent.")
@click.option(
    "--participants", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="TSV."
)
@click.option("--group", "column", default="group", show_default=True, help="Column; or age.")
@device_option
@click.option("--quick", is_flag=True, help="Three and three subjects at half the resolution.")
@json_option
def vbm_command(
    splits: tuple[str, ...],
    subjects: tuple[str, ...],
    rate: float,
    participants: Path | None,
    column: str,
    device: str,
    quick: bool,
    output: Path | None,
) -> None:
    """Paired and group t-maps, original against decoded; resumes where it was interrupted."""
    record = started()
    reason = missing()
    if reason is not None:
        raise click.ClickException(reason)
    os.environ.setdefault(THREADS, str(len(os.sched_getaffinity(0))))
    try:
        effort = QUICK_EFFORT if quick else None
        codec = own_codec(device=device, effort=effort, force=True)
        identity = identity_of_model(None) | {"effort": str(effort)}
    except ModelUnavailableError as error:
        raise click.ClickException(str(error)) from None
    settings = QUICK if quick else FULL
    entries = listed(splits, subjects) if splits or subjects else default_entries(quick)
    lacking: list[str] = []
    contrast = ""
    of_subject: dict[str, str] = {}
    try:
        contrast, of_subject = groups(entries, participants, column)
    except GroupError as error:
        lacking.append(f"group contrast: {error}")
    segmenter = hmrf()
    maps = Maps()

    def document() -> Document:
        tables, pictures = results(maps, contrast, of_subject, settings)
        return Document(
            name="vbm",
            title="Voxel-based morphometry",
            command="python -m benchmarks vbm" + (" --quick" if quick else ""),
            tables=tuple(tables),
            pictures=tuple(pictures),
            settings={
                "model": identity,
                "rate": rate,
                "maps": asdict(settings),
                "segmenter": segmenter.software(),
                "groups": {name: of_subject.get(name, "") for name in maps.subjects},
            },
            data=data_hashes(entries),
            not_measured=tuple(lacking),
        )

    for entry, scan in loaded(entries):
        try:
            add(maps, entry, scan, (codec, identity), rate, segmenter, settings)
        except (VqzError, SegmentationError, RuntimeError) as error:  # ANTs: the last
            lacking.append(f"{entry.subject}: {error}")
    finished = document()
    write(output, record, finished)
    show(finished)


def default_entries(quick: bool) -> list[Entry]:
    """Controls of ds002748 in ``val`` and as many, or some more, patients in ``train``."""
    found = [entry for entry in listed(("val", "train")) if entry.group == DATA_SET]
    controls = [entry for entry in found if entry.split == "val"]
    patients = [entry for entry in found if entry.split == "train"]
    count = QUICK_COUNT if quick else PATIENT_COUNT
    return controls[:count] + patients[:count]


def add(
    maps: Maps,
    entry: Entry,
    scan: Scan,
    ours: tuple[OwnCodec, dict[str, str]],
    rate: float,
    segmenter: Segmenter,
    settings: VbmSettings,
    cache: Path | None = None,
) -> None:
    """Both maps of one scan join the others.

    Raises
    ------
    VqzError
        The codec refuses.
    SegmentationError, RuntimeError
        There is no map of it.
    """
    placed = placed_scan(entry, scan)
    click.echo(f"  {scan.name}: original", err=True)
    before = grey_map(placed, scan.values, segmenter, settings, cache)
    click.echo(f"  {scan.name}: decoded", err=True)
    coded = own_file(scan, ours[0], ours[1], {"ratio": rate}, cache)
    after = grey_map(placed, coded.decode(), segmenter, settings, cache)
    maps.subjects.append(scan.name)
    maps.before.append(before)
    maps.after.append(after)


def placed_scan(entry: Entry, scan: Scan) -> Placed:
    """The scan with the affine of its file."""
    image = cast(nib.spatialimages.SpatialImage, nib.load(data_folder() / entry.path))
    return Placed(scan, np.asarray(image.affine, np.float64))
