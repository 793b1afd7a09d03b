"""Every measurement one after the other, and the results page of what they left."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from .results_page import PAGE, page, read_documents

RESULTS = Path(__file__).resolve().parent / "results"
QUICK_RESULTS = RESULTS.with_name("results-quick")


@dataclass(frozen=True)
class Measurement:
    """A command of the suite: its name, and the arguments and minutes of a full and quick run."""

    name: str
    quick: tuple[str, ...]
    minutes: float
    quick_minutes: float


SUITE = (
    Measurement("paper-tables", ("--quick",), 40, 1),
    Measurement("morphometry", ("--quick",), 150, 3),
    Measurement("vbm", ("--quick",), 90, 3),
    Measurement("bd-rate", ("--quick", "--effort", "1"), 180, 1),
    Measurement("rate-distortion", ("--quick", "--scans", "oasis_1003", "--rates", "0.35"), 60, 1),
    Measurement("lossless", ("--quick",), 10, 1),
    Measurement("speed", ("--quick",), 20, 1),
    Measurement("ood", ("--quick",), 8, 1),
)

#: On the page where there are results, run on their own.
OTHERS = ("bounded", "fitness", "folders", "region")


def run_suite(commands: Mapping[str, click.Command], folder: Path, quick: bool) -> int:
    """Run all measurements; the page is written after each, so that an interruption leaves one.

    Returns
    -------
    int
        How many failed.
    """
    failures: dict[str, str] = {}
    total = sum(_minutes(one, quick) for one in SUITE)
    click.echo(f"{len(SUITE)} measurements, about {total:g} minutes on two cores")
    click.echo("an interrupted run goes on where it stopped: what is coded and segmented is kept")
    for index, one in enumerate(SUITE, start=1):
        about = f"{index} of {len(SUITE)}: {one.name}, about {_minutes(one, quick):g} minutes"
        click.echo(f"\n==== {about} ====")
        output = folder / f"{one.name}.json"
        start = time.monotonic()
        try:
            arguments = [*(one.quick if quick else ()), "--json", str(output)]
            commands[one.name].main(arguments, standalone_mode=False)
        except click.Abort:  # Ctrl-C
            write_page(folder, failures)
            raise
        except click.ClickException as error:
            failures[one.name] = error.format_message()
        except Exception as error:  # a table that fails must not keep the others from being made
            failures[one.name] = f"{type(error).__name__}: {error}"
        if one.name in failures:
            click.echo(f"{one.name} failed: {failures[one.name]}", err=True)
        click.echo(f"{one.name}: {(time.monotonic() - start) / 60:.1f} minutes")
        write_page(folder, failures)
    click.echo(f"\n{folder / PAGE}")
    return len(failures)


def write_page(folder: Path, failures: Mapping[str, str] | None = None) -> Path:
    """The page of the documents in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = read_documents(folder, (*names(), *OTHERS))
    present = {document["name"] for document in documents}
    reasons = {name: "no results yet" for name in names() if name not in present}
    path = folder / PAGE
    path.write_text(page(documents, reasons | dict(failures or {})), encoding="utf-8")
    return path


def names() -> Sequence[str]:
    """Measurements in the order of the page."""
    return [one.name for one in SUITE]


def _minutes(one: Measurement, quick: bool) -> float:
    return one.quick_minutes if quick else one.minutes
