"""``python -m benchmarks ood``: scans of other kinds, and lesions, through the codec."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from vqcodec.errors import ModelUnavailableError

from .documents import Document, data_hashes, show, started, write
from .ood import PERCENTILES, FileCodec, Outlier, file_codec, lesion_regions, measured, read_values
from .own_curve import identity_of_model
from .scan_choice import device_option, json_option
from .scans import DataFolderError, Entry, data_folder, read_manifest
from .segmentation import Mask, SegmentationError, hmrf
from .tables import Table, number

SPLIT = "ood"
FAMILIAR = ("oasis_1001",)
MS_T1, MS_FLAIR, MS_PREFIX = "ms_T1w.nii.gz", "ms_FLAIR.nii.gz", "ms_"
QUICK = ("ms_T1w.nii.gz", "CT_AVM.nii.gz", "oasis_1001")


@click.command("ood")
@device_option
@click.option("--quick", is_flag=True, help="Three files, no regions.")
@json_option
def ood_command(device: str, quick: bool, output: Path | None) -> None:
    """Say what is refused, and where the error of unfamiliar scans lies."""
    record = started()
    try:
        folder = data_folder()
        identity = identity_of_model(None)
    except (DataFolderError, ModelUnavailableError) as error:
        raise click.ClickException(str(error)) from None
    codec = file_codec(identity, device)
    entries = chosen(list(read_manifest(folder)), quick)
    missing: list[str] = []
    regions = {} if quick else ms_regions(folder, missing.append)
    results: list[Outlier] = []

    def document() -> Document:
        failures = [f"{one.scan}: {one.failure}" for one in results if one.failure]
        return Document(
            name="ood",
            title="Out of distribution",
            command="python -m benchmarks ood" + (" --quick" if quick else ""),
            tables=tuple(tables(results)),
            settings={"model": identity},
            data=data_hashes(entries),
            records=tuple(asdict(one) for one in results),
            not_measured=(*missing, *failures),
        )

    for entry in entries:
        click.echo(f"measuring {entry.subject}", err=True)
        results.append(result_of(entry, folder, codec, regions))
        write(output, record, document())
    finished = document()
    write(output, record, finished)
    show(finished)


def chosen(entries: Sequence[Entry], quick: bool) -> list[Entry]:
    """The files of the split, and a familiar scan to compare with."""
    found = [entry for entry in entries if entry.split == SPLIT]
    found += [entry for entry in entries if entry.subject in FAMILIAR and entry.modality == "T1w"]
    return [entry for entry in found if entry.subject in QUICK] if quick else found


def result_of(entry: Entry, folder: Path, codec: FileCodec, regions: dict[str, Mask]) -> Outlier:
    """One file; the regions belong to the MS patient, whose volumes share a grid."""
    of_patient = entry.subject.startswith(MS_PREFIX)
    return measured(entry, folder / entry.path, codec, regions if of_patient else {})


def ms_regions(folder: Path, say: Callable[[str], None]) -> dict[str, Mask]:
    """Regions of the MS patient; none, and a line said, where they cannot be found."""
    segmenter = hmrf()
    reason = segmenter.missing()
    if reason is not None:
        say(f"lesions: {reason}")
        return {}
    try:
        t1, flair = (read_values(folder / SPLIT / name) for name in (MS_T1, MS_FLAIR))
        return lesion_regions(t1, flair, segmenter)
    except (DataFolderError, SegmentationError) as error:
        say(f"lesions: {error}")
        return {}


def tables(results: Sequence[Outlier]) -> list[Table]:
    """What the files say, how errors are distributed, and where they lie."""
    found = [_figures_table(results), _percentile_table(results)]
    if any(one.regions for one in results):
        found.append(_region_table(results))
    return found


def _figures_table(results: Sequence[Outlier]) -> Table:
    rows = []
    for one in results:
        names = ("psnr_foreground", "ms_ssim", "surprise", "fitness")
        psnr, similar, surprise, fitness = (one.figures.get(name) for name in names)
        rows.append(
            (
                one.scan,
                one.modality,
                one.note,
                "refused" if one.refusal else "taken" if not one.failure else "-",
                number(one.percent, ".4f"),
                number(psnr, ".2f"),
                number(similar, ".5f"),
                number(surprise, ".2f"),
                number(fitness, ".2f"),
            )
        )
    columns = (
        *("file", "modality", "what", "default setting", "%", "in-brain dB", "MS-SSIM"),
        *("surprise", "fitness"),
    )
    notes = [
        "Figures as the file states them; those of refused files are of files that were forced.",
        *(f"{one.scan} was refused: {one.refusal}" for one in results if one.refusal),
    ]
    return Table("What the codec takes, and what its files say", columns, tuple(rows), tuple(notes))


def _percentile_table(results: Sequence[Outlier]) -> Table:
    rows = [
        (one.scan, *(number(value, ".2f") for value in one.percentiles))
        for one in results
        if one.percentiles
    ]
    columns = ("file", *(f"{place:g} % of voxels" for place in PERCENTILES), "largest")
    notes = ("Absolute error of foreground voxels at most, percent of the robust range.",)
    return Table("How the error is distributed", columns, tuple(rows), notes)


def _region_table(results: Sequence[Outlier]) -> Table:
    rows = []
    for one in results:
        for name, region in one.regions.items():
            contrast = None if region.contrast is None else 100 * region.contrast
            cells = (number(region.rms, ".2f"), number(region.mean, "+.3f"))
            row = (f"{one.scan}, {name}", str(region.voxels), *cells, number(contrast, ".1f"))
            rows.append(row)
    columns = ("file, region", "voxels", "rms error %", "mean error %", "contrast kept %")
    notes = (
        "Errors in percent of the robust range. Contrast: difference of means to healthy white "
        "matter after coding, percent of that before. There are no manual lesion masks in the "
        "data folder; lesions are estimated by a threshold on FLAIR.",
    )
    return Table("Lesions against healthy tissue (MS patient)", columns, tuple(rows), notes)
