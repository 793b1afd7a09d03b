"""``vqz info``: what is in a VQZ file, from its header alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from . import options
from .batch import Record, failure, run_jobs
from .console import file_size
from .names import find_files, is_vqz
from .sizes import decibels, promised, significant, size_figures

if TYPE_CHECKING:
    from ..formats.container import Prefix

MOST_FIGURES_BYTES = 1 << 20


@dataclass(frozen=True)
class InfoJob:
    """One file to look into."""

    source: Path


@click.command(epilog=options.examples("vqz info scan.vqz", "vqz info -r packed --json"))
@click.argument("files", nargs=-1, required=True, type=options.PATH)
@options.recursive
@options.reporting
def info(
    files: tuple[Path, ...], recursive: bool, as_json: bool, quiet: bool, verbose: bool
) -> int:
    """Show what is in VQZ files. Reads their headers only, and needs no weights."""
    found, missing = find_files(files, is_vqz, recursive)
    return run_jobs(
        info_one,
        [InfoJob(each.source) for each in found],
        at_once=1,
        console=options.console_of(as_json, quiet, verbose),
        describe=describe_more if verbose else describe,
        failed_before=[failure(path, error) for path, error in missing],
    )


def info_one(job: InfoJob) -> Record:
    """Read the header of one file, and the figures stored behind it."""
    from ..formats.container import read_prefix
    from ..formats.sections import SectionKind, section_name
    from ..header_parsing import parse_header

    with open(job.source, "rb") as stream:
        prefix = read_prefix(stream)
        volume = parse_header(prefix.header, prefix.file_size).volume
        figures = _figures(stream, prefix, SectionKind.FIGURES)
    return {
        "source": str(job.source),
        "version": ".".join(map(str, prefix.version)),
        **size_figures(prefix.file_size, volume.shape, volume.dtype),
        "header": prefix.header,
        "figures": figures,
        "sections": [
            {"name": section_name(entry.kind), "frame": entry.frame, "bytes": entry.length}
            for entry in prefix.entries
        ],
    }


def _figures(stream: BinaryIO, prefix: Prefix, kind: int) -> dict[str, Any]:
    from ..formats.checked_bytes import checked
    from ..formats.sections import described
    from ..header_parsing import parse_figures

    for entry in prefix.entries:
        if entry.kind != kind:
            stream.seek(entry.length, 1)
            continue
        data = stream.read(min(entry.length, MOST_FIGURES_BYTES))
        checked(data, entry.crc32c, described(entry.kind, entry.frame))
        return parse_figures(data, prefix.is_packed)
    return {}


def describe(record: Record) -> list[str]:
    """Write what people want to know of a file."""
    header, figures = record["header"], record["figures"]
    volume, model = header["volume"], header["model"]
    shape = "x".join(map(str, volume["shape"]))
    percent = significant(record["percent_of_float32"])
    lines = [
        f"{record['source']}",
        f"  volume      {shape} {record['dtype']}, {volume['format']} ({volume['suffix']})",
        f"  size        {file_size(record['bytes'])}, {percent} % of float32, "
        f"{significant(record['bits_per_voxel'])} bit/voxel",
        f"  model       {model['id']} (sha256 {model['sha256'][:16]}...)",
        f"  written by  {header['software']}, format {record['version']}",
    ]
    if "voxels" in header:
        digest = header["voxels"]["sha256"][:16]
        lines.append(f"  voxels      {promised(header['voxels'])} (sha256 {digest}...)")
    if figures:
        lines.append(
            f"  fidelity    foreground {decibels(figures.get('psnr_foreground'))}, "
            f"whole {decibels(figures.get('psnr'))}"
        )
    return lines


def describe_more(record: Record) -> list[str]:
    """Write everything, the header as JSON."""
    lines = describe(record)
    for section in record["sections"]:
        where = f" of frame {section['frame']}" if section["frame"] else ""
        lines.append(f"  section     {section['name']}{where}: {file_size(section['bytes'])}")
    lines += ["  header", *(f"    {line}" for line in _pretty(record["header"]))]
    return lines


def _pretty(header: dict[str, Any]) -> list[str]:
    return json.dumps(header, indent=1, sort_keys=True).splitlines()
