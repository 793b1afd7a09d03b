"""``python -m benchmarks tokens``: the token models on the splits of the data folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vqcodec.errors import ModelUnavailableError

from . import scans
from .codebooks import codebook_uses
from .machine import described, machine
from .report import judged
from .scan_choice import device_option, json_option, listed, loaded, write_document
from .tokens import (
    FAMILY,
    QUALITIES,
    WHOLE,
    NoTokensError,
    TokenCodec,
    TokenResult,
    measured_tokens,
    registered,
    token_codec,
)
from .tokens_report import (
    FOOTNOTES,
    codebook_table,
    judged_on,
    requirements,
    sets_of,
    summary,
    table,
)

SPLITS = ("val", "test")


@click.command("tokens")
@click.option("--models", multiple=True, help="Id or path of a token model; repeat. [all]")
@click.option("--split", "splits", multiple=True, help="Split; repeat. [val, test]")
@click.option("--scans", "subjects", multiple=True, help="Subject; repeat.")
@click.option(
    "--quality", "qualities", type=click.FloatRange(1, WHOLE), multiple=True, help="[9, 5, 1]"
)
@click.option("--grid", type=click.Choice(list(scans.GRIDS)), default="own", show_default=True)
@device_option
@json_option
def tokens_command(
    models: tuple[str, ...],
    splits: tuple[str, ...],
    subjects: tuple[str, ...],
    qualities: tuple[float, ...],
    grid: str,
    device: str,
    output: Path | None,
) -> None:
    """Measure token models: bytes, fidelity, and how well codes use their codebooks."""
    record = machine()
    click.echo(described(record))
    codecs = chosen_codecs(models, device)
    for codec in codecs:
        stages = ", ".join(map(str, codec.stages))
        click.echo(f"{codec.name}: sha256 {codec.identity}, {stages} codes a site")
    chosen = listed(splits or SPLITS, subjects)
    results: list[TokenResult] = []
    for entry, scan in loaded(chosen, grid):
        for codec in codecs:
            for quality in qualities or QUALITIES:
                results.append(measured_tokens(scan, entry.split, codec, quality))
        write_document(output, document(record, grid, codecs, results))
    click.echo("\n" + "\n\n".join([table(results), summary(results), codebook_table(results)]))
    for result in results:
        if result.note:
            click.echo(f"{result.scan}, {result.model}, quality {result.quality:g}: {result.note}")
    click.echo("\n" + FOOTNOTES)
    for codec in codecs:
        ours = [result for result in results if result.model == codec.name]
        click.echo(f"\n{codec.name} on the test scans, all stages, grid: {grid}")
        click.echo(judged(requirements(ours, grid), len(judged_on(ours))))


def chosen_codecs(models: Sequence[str], device: str) -> list[TokenCodec]:
    """The models asked for, by default every registered one of the family."""
    names = tuple(models) or tuple(registered())
    if not names:
        raise click.ClickException(f"no registered model is of family {FAMILY}; name --models")
    try:
        codecs = [token_codec(name, device) for name in names]
    except (NoTokensError, ModelUnavailableError) as error:
        raise click.ClickException(str(error)) from None
    if len({codec.name for codec in codecs}) < len(codecs):
        raise click.ClickException("two of the models have the same name")
    return codecs


def document(
    record: dict[str, str],
    grid: str,
    codecs: Sequence[TokenCodec],
    results: Sequence[TokenResult],
) -> dict[str, Any]:
    """Everything measured so far as JSON values."""
    return {
        "machine": record,
        "grid": grid,
        "models": {codec.name: codec.identity for codec in codecs},
        "conventions": FOOTNOTES.splitlines(),
        "results": [result.record() for result in results],
        "codebooks": codebook_records(results),
    }


def codebook_records(results: Sequence[TokenResult]) -> list[dict[str, Any]]:
    """Usage and perplexity of every model, quality, set and level as JSON values."""
    found = []
    for model, quality in dict.fromkeys((result.model, result.quality) for result in results):
        chosen = [one for one in results if (one.model, one.quality) == (model, quality)]
        for name, members in sets_of(chosen).items():
            for use in codebook_uses([one.histograms for one in members if one.histograms]):
                place = {"model": model, "quality": quality, "set": name}
                found.append(place | vars(use))
    return found
