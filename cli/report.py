"""``vqz report``: a page with pictures and figures of a scan, or of a folder of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .batch import Outcome, Record, attempt, overall
from .batch import report as report_outcome
from .console import file_size, printable
from .exits import Code, Failed, explain, writing
from .interrupts import deferred_signals
from .names import Found, check_no_input, check_target, find_files, is_volume, is_vqz, vqz_name
from .sizes import decibels, significant, size_figures
from .volumes import volume_of

if TYPE_CHECKING:
    from ..report import Entry, Side
    from ..vqz import VQZ


@dataclass(frozen=True)
class ReportJob:
    """One scan to show.

    Attributes
    ----------
    name : str
        What the page calls it.
    original : Path or None
        The volume to compare with.
    packed : Path or None
        What is shown; None if there is nothing for this original.
    brief : bool
        One of many.
    """

    name: str
    original: Path | None
    packed: Path | None
    device: str
    brief: bool

    @property
    def source(self) -> Path:
        """The file that messages are about."""
        return self.packed or self.original or Path(self.name)


@click.command(
    epilog=options.examples(
        "vqz report scan.nii.gz scan.vqz -o report.html",
        "vqz report scan.vqz",
        "vqz report -r study packed",
    )
)
@click.argument("inputs", nargs=-1, required=True, type=options.PATH, metavar="[ORIGINAL] PACKED")
@click.option(
    "-o",
    "--output",
    type=options.PATH,
    help="The page. [default: PACKED with .html, or report.html in a folder]",
)
@options.recursive
@options.overwrite
@options.device
@options.reporting
def report(
    inputs: tuple[Path, ...],
    output: Path | None,
    recursive: bool,
    overwrite: bool,
    device: str,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Show scans beside what they decode to.

    One HTML page holds original, decoded and difference.

    PACKED is a VQZ file, or a volume that was decoded; ORIGINAL is what it was made from. A VQZ
    file alone is shown with the figures that it states. With -r both are folders, and the page
    begins with a table, the worst scan first. The page loads nothing from anywhere.
    """
    if len(inputs) > 2:
        raise click.UsageError("give one file or folder, or an original and what became of it")
    if recursive != inputs[-1].is_dir() or (recursive and not inputs[0].is_dir()):
        raise click.UsageError("-r is for folders, and folders need it")
    console = options.console_of(as_json, quiet, verbose)
    jobs = jobs_in(inputs, device) if recursive else [job_of(inputs, device)]
    target = output or default_name(inputs[-1])
    check_page(target, inputs, overwrite)
    outcomes: list[Outcome] = []
    done = (attempt(show_one, job) for job in jobs)
    for outcome in console.progress(done, [job.name for job in jobs]):
        outcomes.append(outcome)
        if outcome.record is None:
            report_outcome(outcome, console, list)
    code = overall([outcome.code for outcome in outcomes])
    if len(jobs) == 1 and code != Code.DONE:
        return code
    entries = [entry_of(job, outcome) for job, outcome in zip(jobs, outcomes, strict=True)]
    record = write_page(target, entries, overwrite)
    console.result(record, describe(record))
    return code


def default_name(packed: Path) -> Path:
    """Where the page goes unless that is said."""
    if packed.is_dir():
        return packed / "report.html"
    return (packed if is_vqz(packed) else vqz_name(packed)).with_suffix(".html")


def check_page(target: Path, inputs: Sequence[Path], overwrite: bool) -> None:
    """Find out early that the page cannot be written, or would replace an input."""
    check_no_input(target, inputs)
    check_target(target, overwrite, make_folders=False)


def job_of(inputs: Sequence[Path], device: str) -> ReportJob:
    """The job of one scan."""
    *originals, packed = inputs
    if not originals and not is_vqz(packed):
        raise click.UsageError(f"{packed} is no VQZ file; name its original first")
    return ReportJob(packed.name, next(iter(originals), None), packed, device, brief=False)


def jobs_in(folders: Sequence[Path], device: str) -> list[ReportJob]:
    """The jobs of a folder of VQZ files, or of a folder of originals and one of VQZ files."""
    packed = {each.relative: each.source for each in files_in(folders[-1], is_vqz)}
    if len(folders) == 1:
        return [ReportJob(str(name), None, path, device, True) for name, path in packed.items()]
    jobs = []
    for each in files_in(folders[0], is_volume):
        match = packed.pop(vqz_name(each.relative), None)
        jobs.append(ReportJob(str(each.relative), each.source, match, device, brief=True))
    return jobs + [ReportJob(str(name), None, path, device, True) for name, path in packed.items()]


def files_in(folder: Path, wanted: Any) -> list[Found]:
    """Files below a folder."""
    found, missing = find_files([folder], wanted, recursive=True)
    for path, error in missing:
        code, message = explain(error)
        raise Failed(code, f"{path}: {message}")
    return found


def show_one(job: ReportJob) -> Record:
    """Make what the page shows of one scan."""
    from ..report import comparison_entry, stated_entry

    if job.packed is None:
        raise Failed(Code.NO_INPUT, "has no VQZ file of its name in the other folder")
    stated, facts, nbytes = stated_by(job.packed)
    ours = None if job.original is None else side_of(job.original, job.device)
    theirs = side_of(job.packed, job.device)
    if ours is None:
        entry = stated_entry(job.name, theirs, stated, facts, nbytes, brief=job.brief)
    elif ours.values.shape != theirs.values.shape:
        shapes = f"has shape {theirs.values.shape}, the original {ours.values.shape}"
        raise Failed(Code.BAD_DATA, shapes)
    else:
        entry = comparison_entry(job.name, ours, theirs, stated, facts, nbytes, brief=job.brief)
    return {"entry": entry}


def side_of(path: Path, device: str) -> Side:
    """Intensities of a file, and where they lie."""
    from ..formats.volumes import scaled_values, scaled_zero
    from ..report import Side

    volume = volume_of(path, device)
    return Side(scaled_values(volume), volume.affine, scaled_zero(volume))


def stated_by(path: Path) -> tuple[dict[str, Any], dict[str, str], int]:
    """Figures and facts that a file holds, and its size."""
    nbytes = path.stat().st_size
    if not is_vqz(path):
        return {}, {}, 0
    with deferred_signals():
        from ..vqz import VQZ

    vqz: VQZ = VQZ.open(path)
    volume, model = vqz.header["volume"], vqz.header["model"]
    sizes = size_figures(nbytes, volume["shape"], volume["dtype"])
    shape = "x".join(map(str, volume["shape"]))
    facts = {
        "volume": f"{shape} {sizes['dtype']}, {volume['format']} ({volume['suffix']})",
        "size": f"{file_size(nbytes)}, {significant(sizes['percent_of_float32'])} % of float32",
        "model": f"{model['id']} (sha256 {model['sha256'][:16]}...)",
        "written by": vqz.header["software"],
    }
    return vqz.figures, facts, nbytes


def entry_of(job: ReportJob, outcome: Outcome) -> Entry:
    """What the page shows of a job, also of one that failed."""
    from ..report import failed_entry

    if outcome.record is None:
        return failed_entry(job.name, outcome.message)
    entry: Entry = outcome.record["entry"]
    return entry


def write_page(target: Path, entries: Sequence[Entry], overwrite: bool) -> Record:
    """Write the page, whole or not at all."""
    from .. import __version__
    from ..formats.atomic import write_atomically
    from ..report import report_page

    page = report_page(entries, f"vqcodec {__version__}").encode()
    with writing(target):
        write_atomically(target, page, overwrite=overwrite)
    scans = [
        {"name": each.name, "figures": dict(each.figures)}
        | ({"error": each.error} if each.error else {})
        for each in entries
    ]
    return {"output": str(target), "bytes": len(page), "scans": scans}


def describe(record: Record) -> list[str]:
    """Write the one line about a page."""
    scans = record["scans"]
    shown = [scan for scan in scans if "error" not in scan]
    line = f"{record['output']}: {len(shown)} of {len(scans)} scans, {file_size(record['bytes'])}"
    found = [
        (scan["figures"]["psnr_foreground"], scan["name"])
        for scan in shown
        if scan["figures"].get("psnr_foreground") is not None
    ]
    if found:
        psnr, name = min(found)
        line += f", foreground {decibels(psnr)}"
        line += f" at worst ({printable(name)})" if len(shown) > 1 else ""
    return [line]
