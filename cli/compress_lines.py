"""What ``vqz compress`` prints about each volume."""

from __future__ import annotations

from .batch import Record
from .console import file_size
from .sizes import decibels, promised, significant


def describe_plan(record: Record) -> list[str]:
    """Say what would become of a file."""
    return [f"{record['source']} -> {record['output']}"]


def describe(record: Record) -> list[str]:
    """Write the one line about a compressed file."""
    before = f"{file_size(record['source_bytes'])} -> " if "source_bytes" in record else ""
    parts = [
        f"{before}{file_size(record['bytes'])}",
        f"{significant(record['percent_of_float32'])} % of float32",
        f"{significant(record['percent_of_stored'])} % of {record['dtype']}",
    ]
    if record.get("source_suffix", "").lower().endswith((".gz", ".mgz")):
        parts.append(f"{significant(record['percent_of_source'])} % of {record['source_suffix']}")
    parts.append(f"{significant(record['bits_per_voxel'])} bit/voxel")
    promise = record.get("voxels")
    if promise is not None:
        parts.append(promised(promise))
    if promise is None or promise["max_error"]:
        parts.append(f"foreground {decibels(record['figures'].get('psnr_foreground'))}")
    parts.append(f"{record['seconds']:.1f} s")
    lines = [f"{record['source']} -> {record['output']}: " + ", ".join(parts)]
    if "dropped" in record:
        lines.append(f"  dropped          {', '.join(record['dropped']) or 'nothing was there'}")
    return lines


def describe_more(record: Record) -> list[str]:
    """Write the line about a compressed file, and below it what was measured."""
    lines = [*describe(record), f"  model            {record['model']['id']}"]
    for name, value in sorted(record["figures"].items()):
        shown = significant(value, 5) if isinstance(value, float) else value
        lines.append(f"  {name.replace('_', ' '):<16} {shown}")
    return lines
