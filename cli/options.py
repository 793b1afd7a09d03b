"""Options that commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from ..models.effort import DEFAULT_EFFORT, EFFORT_RANGE
from .console import Console
from .names import STREAM, Found

Command = TypeVar("Command", bound=Callable[..., Any])

PATH = click.Path(path_type=Path)

device = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where the networks run; auto takes CUDA if there is one.",
)
output = click.option(
    "-o", "--output", type=PATH, help="Name of the result (one input only); - is stdout."
)
output_dir = click.option(
    "--output-dir", type=PATH, help="Folder for the results; with -r the tree is mirrored in it."
)
recursive = click.option("-r", "--recursive", is_flag=True, help="Go into folders.")
effort = click.option(
    "--effort",
    type=click.IntRange(*EFFORT_RANGE),
    default=DEFAULT_EFFORT,
    show_default=True,
    metavar="1-9",
    help="Work for a smaller file: 1 is fast; from 7 on, errors of the decoder are coded anew.",
)
overwrite = click.option("-f", "--overwrite", is_flag=True, help="Overwrite existing files.")
dry_run = click.option(
    "-n", "--dry-run", is_flag=True, help="Say what would be done, and do nothing."
)
jobs = click.option(
    "-j",
    "--jobs",
    "at_once",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="Work on N files at once; each takes its own memory.",
)


def examples(*lines: str) -> str:
    """Write the examples at the end of a command's ``--help``, a line each."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def aims(command: Command) -> Command:
    """Add ``--quality``, ``--ratio``, ``--bytes`` and ``--psnr``."""
    for option in (
        click.option(
            "--psnr",
            type=float,
            metavar="DB",
            help="Fix the PSNR in the foreground, as vqz info states it; met within 0.1 dB, or "
            "passed where whole numbers come back almost exactly.",
        ),
        click.option(
            "--bytes",
            "target_bytes",
            type=click.IntRange(min=1),
            metavar="N",
            help="Largest size of the file, in bytes.",
        ),
        click.option(
            "--ratio",
            type=click.FloatRange(min=0, max=100, min_open=True),
            metavar="PERCENT",
            help="Largest size of the file, in percent of the volume as float32.  [default: 0.825]",
        ),
        click.option(
            "--quality",
            type=float,
            metavar="Q",
            help="Fix the quality instead of the size: 1 (about 0.06 % of float32) to 9 (3 %).",
        ),
    ):
        command = option(command)
    return command


def exactness(command: Command) -> Command:
    """Add ``--max-error`` and ``--lossless``."""
    for option in (
        click.option("--lossless", is_flag=True, help="Every voxel comes back as it is."),
        click.option(
            "--max-error",
            metavar="E|P%",
            help="Every voxel comes back within E, in the scan's units, or P % of its range.",
        ),
    ):
        command = option(command)
    return command


def reporting(command: Command) -> Command:
    """Add ``--json``, ``-q`` and ``-v``."""
    command = click.option("--json", "as_json", is_flag=True, help="One JSON object a file.")(
        command
    )
    command = click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")(command)
    return click.option("-v", "--verbose", is_flag=True, help="Say more.")(command)


def console_of(
    as_json: bool, quiet: bool, verbose: bool, *, stdout_is_taken: bool = False
) -> Console:
    """Build the console that the options of :func:`reporting` ask for."""
    if quiet and verbose:
        raise click.UsageError("-q and -v exclude each other")
    return Console(verbose - quiet, as_json=as_json, stdout_is_taken=stdout_is_taken)


def run_folder_of(recursive: bool, output: Path | None, output_dir: Path | None) -> Path | None:
    """Return the output folder of a run over whole folders; None for any other command line."""
    if output is not None and output_dir is not None:
        raise click.UsageError("-o and --output-dir exclude each other")
    return output_dir if recursive else None


def targets_of(
    found: Sequence[tuple[Found, Path]],
    arguments: Sequence[Path],
    output: Path | None,
    output_dir: Path | None,
) -> list[Path]:
    """Decide where each result goes.

    Parameters
    ----------
    found : sequence of (Found, Path)
        Each input, and the name of its result relative to the argument that it came from.
    arguments : sequence of Path
        The command's arguments.
    output, output_dir : Path or None
        The options of those names.
    """
    if output is not None:
        if len(arguments) != 1 or arguments[0].is_dir():
            raise click.UsageError("-o names the result of one file; use --output-dir")
        if output != STREAM and output.is_dir():
            raise click.UsageError(f"{output} is a folder; use --output-dir")
    if any(each.source == STREAM for each, _ in found):
        if len(arguments) != 1:
            raise click.UsageError("stdin (-) cannot be one input among several")
        if output_dir is not None:
            raise click.UsageError("stdin (-) has no name to use in a folder; use -o")
        return [output or STREAM]
    if output is not None:
        return [output for _ in found]
    if output_dir is not None:
        return [output_dir / name for _, name in found]
    return [each.source.with_name(name.name) for each, name in found]
