"""``python -m benchmarks quantisers``: which way of learning codebooks loses, and by how much."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from vqcodec.errors import VqzError

from . import quantisers
from .machine import described, machine
from .quantisers import KINDS, NoHeldOutError, Trained, averaged, trained_alike

DEFAULT_MINUTES = 3.0


@click.command("quantisers")
@click.option(
    "--pack",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Training pack with scans held out (split val); see vqz train prepare.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Training steps of each network.")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    help=f"Training time of the first network; the others take its steps. [{DEFAULT_MINUTES:g}]",
)
@click.option("--seed", "seeds", type=int, multiple=True, help="Seed; repeat. [0]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="cpu")
@click.option("--json", "output", type=click.Path(path_type=Path), help="Results file.")
def quantisers_command(
    pack: Path,
    steps: int | None,
    minutes: float | None,
    seeds: tuple[int, ...],
    device: str,
    output: Path | None,
) -> None:
    """Train one small network with EMA, gradient-learned and FSQ codebooks, and compare."""
    if steps is not None and minutes is not None:
        raise click.UsageError("--steps and --minutes exclude each other")
    record = machine()
    click.echo(described(record))
    runs: list[Trained] = []
    try:
        for run in trained_alike(
            pack,
            steps or 0,
            minutes or DEFAULT_MINUTES,
            tuple(dict.fromkeys(seeds)) or (0,),
            device,
            lambda line: click.echo(line, err=True),
        ):
            runs.append(run)
            if output is not None:
                document = {"machine": record, "device": device, "pack": str(pack)}
                lines = [asdict(one) for one in runs]
                text = json.dumps(
                    {**document, "network": dict(quantisers.NETWORK), "runs": lines}, indent=1
                )
                output.write_text(text + "\n", encoding="utf-8")
    except (NoHeldOutError, VqzError) as error:
        raise click.ClickException(str(error)) from None
    click.echo("\n" + table(runs, device))
    click.echo("\n" + "\n".join(losers(runs)))


def table(runs: Sequence[Trained], device: str) -> str:
    """A line for each network, the means over seeds, and what this table can tell."""
    head = f"{'quantiser, seed':<18}{'brain dB':>9}"
    for level in ("fine", "middle", "coarse"):
        head += f"{level + ' %':>10}{'perpl.':>8}"
    lines = [caption(runs, device), "", head + f"{'minutes':>9}{'CPU min':>9}"]
    lines += [_line(f"{run.quantiser}, {run.seed}", run) for run in runs]
    if len({run.seed for run in runs}) > 1:
        lines += [_line(f"{kind}, mean", averaged(ours)) for kind, ours in by_kind(runs).items()]
    return "\n".join(lines)


def caption(runs: Sequence[Trained], device: str) -> str:
    """What was trained, for how long, and how little that is."""
    batch, patch = quantisers.DATA["batch_size"], "x".join(map(str, quantisers.DATA["patch"]))
    seeds = len({run.seed for run in runs})
    longest = max(run.seconds for run in runs) / 60
    stages = ", ".join(map(str, quantisers.NETWORK["stages"]))
    return (
        f"Each network: {runs[0].steps} steps of {batch} patches of {patch}, at most "
        f"{longest:.1f} minutes on {device}, {seeds} seed{'s' if seeds > 1 else ''}, from "
        f"random weights;\n{stages} codes a fine, middle, coarse site. Measured on whole held-out "
        "scans (val) with all stages; codes of\nsites with a foreground voxel, added up over the "
        f"scans: {_codes(runs)} for each codebook.\n"
        "This is the beginning of a training, not its end: it tells which quantiser learns "
        "faster, not which is\nbetter after days. The order may change with longer training. "
        "Minutes include what else the machine did."
    )


def losers(runs: Sequence[Trained]) -> list[str]:
    """Which quantiser is worst in PSNR, in fine codes in use and in fine perplexity."""
    means = {kind: averaged(ours) for kind, ours in by_kind(runs).items()}

    def told(title: str, form: str, read: Callable[[Trained], float]) -> str:
        values = {kind: read(mean) for kind, mean in means.items()}
        ordered = sorted(values, key=lambda kind: values[kind], reverse=True)
        listed = ", ".join(f"{kind} {values[kind]:{form}}" for kind in ordered)
        best, worst = values[ordered[0]], values[ordered[-1]]
        if best == worst:
            return f"{title}: {listed}; no difference"
        line = f"{title}: {listed}; {ordered[-1]} loses by {best - worst:{form}}"
        return f"{line} ({_spread(runs, form, read)})"

    return [
        told("in-brain PSNR, dB", ".2f", lambda run: run.psnr_foreground),
        told("fine codes in use, %", ".1f", lambda run: 100 * run.uses[0].used),
        told("fine perplexity", ".1f", lambda run: run.uses[0].perplexity),
    ]


def by_kind(runs: Sequence[Trained]) -> dict[str, list[Trained]]:
    """Runs of each quantiser, in the order of `KINDS`."""
    found = {kind: [run for run in runs if run.quantiser == kind] for kind in KINDS}
    return {kind: ours for kind, ours in found.items() if ours}


def _spread(runs: Sequence[Trained], form: str, read: Callable[[Trained], float]) -> str:
    if len({run.seed for run in runs}) < 2:
        return "one seed: how much seeds differ is not known"
    spreads = [max(map(read, ours)) - min(map(read, ours)) for ours in by_kind(runs).values()]
    return f"seeds of one quantiser differ by up to {max(spreads):{form}}"


def _codes(runs: Sequence[Trained]) -> str:
    return ", ".join(f"{use.codes} {use.level}" for use in runs[0].uses)


def _line(name: str, run: Trained) -> str:
    line = f"{name:<18}{run.psnr_foreground:>9.2f}"
    for use in run.uses:
        line += f"{100 * use.used:>10.1f}{use.perplexity:>8.1f}"
    return line + f"{run.seconds / 60:>9.1f}{run.cpu_seconds / 60:>9.1f}"
