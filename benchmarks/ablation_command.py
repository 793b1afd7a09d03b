"""``python -m benchmarks ablation``: a table per source of what parts of the codec are worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from vqcodec.errors import ModelUnavailableError

from .ablation import QUALITIES, WHOLE, Ablation, measured_ablation, variants
from .bd_rate import bd_missing
from .machine import described, machine
from .own_curve import identity_of_model
from .scan_choice import (
    chosen_entries,
    device_option,
    json_option,
    loaded,
    model_option,
    say,
    scan_options,
    write_document,
)
from .tables import mean, number

FOOTNOTE = """\
%, dB: rate in percent of float32 and foreground PSNR of the default model and effort. Other
columns: bytes and dB of the same quality (the same quantiser step) against these. BD-rate: over
all qualities, above zero where a variant needs more bytes. Means are of scans."""


@click.command("ablation")
@scan_options
@model_option
@device_option
@json_option
def ablation_command(
    splits: tuple[str, ...],
    subjects: tuple[str, ...],
    model: str | None,
    device: str,
    output: Path | None,
) -> None:
    """What restoration and the encoder's effort give, at equal quality and in BD-rate."""
    reason = bd_missing()
    if reason is not None:
        raise click.ClickException(reason)
    record = machine()
    click.echo(described(record))
    entries = chosen_entries(splits, subjects)
    results: list[Ablation] = []
    try:
        identity = identity_of_model(model)
        click.echo(f"default: {identity['id']}, sha256 {identity['sha256']}")
        with variants(model, device, click.echo) as codecs:
            for _, scan in loaded(entries):
                results.append(measured_ablation(scan, codecs, say))
                document = {"machine": record, "model": identity}
                write_document(output, document | {"results": [one.record() for one in results]})
            names = [codec.name for codec in codecs]
    except ModelUnavailableError as error:
        raise click.ClickException(str(error)) from None
    for group in dict.fromkeys(result.group for result in results):
        chosen = [result for result in results if result.group == group]
        click.echo("\n" + table(group, chosen, names))
    for result in results:
        for note in result.notes:
            click.echo(f"{result.scan}: {note}")
    click.echo("\n" + FOOTNOTE)


def table(group: str, results: Sequence[Ablation], variants: Sequence[str]) -> str:
    """One source: a line per quality, two columns per variant, rate differences below."""
    others = [name for name in variants if name != WHOLE]
    head = f"{f'{group}, mean of {len(results)}':<26}{'%':>9}{'dB':>8}"
    lines = [head + "".join(f"{name + ' bytes':>22}{'dB':>8}" for name in others)]
    for quality in QUALITIES:
        whole = [point for one in results if (point := one.at(WHOLE, quality)) is not None]
        rate = mean([point.percent for point in whole])
        decibel = mean([point.figures.psnr_foreground for point in whole])
        line = f"{f'quality {quality:g}':<26}{number(rate, '.4f'):>9}{number(decibel, '.2f'):>8}"
        for name in others:
            grown = mean([one.bytes_percent(name, quality) for one in results])
            gained = mean([one.decibels(name, quality) for one in results])
            line += f"{with_unit(grown):>22}{number(gained, '+.2f'):>8}"
        lines.append(line)
    last = f"{'BD-rate':<43}"
    for name in others:
        difference = mean([one.bd_rate(name) for one in results])
        last += f"{with_unit(difference):>22}{'':>8}"
    return "\n".join([*lines, last.rstrip()])


def with_unit(percent: float | None) -> str:
    """A change in percent as text."""
    return number(percent, "+.1f") + ("" if percent is None else " %")
