"""``vqz train``: scans to a training pack, a pack to a model, a model to a weights file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from . import options
from .console import Console, file_size, printable, put
from .exits import Code, Failed, writing
from .train_prepare import packed_in, prepare


@click.group(
    epilog=options.examples(
        "vqz train prepare scans -o pack.h5",
        "vqz train run tudosiu2020-baur --pack pack.h5 --out run",
        "vqz train export run -o model.safetensors --pack pack.h5",
    )
)
def train() -> None:
    """Train models on your own scans."""


train.add_command(prepare)


@train.command(
    epilog=options.examples(
        "vqz train run tudosiu2020-baur --pack pack.h5 --out run",
        "vqz train run tiny run.steps=100 --data scans --out run",
        "vqz train run --pack pack.h5 --out run --resume",
    )
)
@click.argument("recipe", required=False)
@click.argument("overrides", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--pack", type=options.PATH, help="Training pack.")
@click.option(
    "--data",
    type=options.PATH,
    help="Instead of a pack: folder or manifest of scans, packed into OUT first.",
)
@click.option("--out", type=options.PATH, required=True, help="Folder of the run.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in the folder.")
@click.option("--fine-tune", metavar="MODEL", help="Start from a model, run or checkpoint.")
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Train and measure only on scans with this value in their manifest.",
)
@click.option(
    "--mode",
    type=click.Choice(["H", "P", "PB"]),
    help="The paper's training mode, for the model card.",
)
@options.device
@options.reporting
def run(
    recipe: str | None,
    overrides: tuple[str, ...],
    pack: Path | None,
    data: Path | None,
    out: Path,
    resume: bool,
    fine_tune: str | None,
    groups: tuple[str, ...],
    mode: Any,
    device: str,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Train by RECIPE, a TOML file or the name of a recipe that comes with vqcodec.

    KEY=VALUE changes a setting, such as run.steps=1000. With --resume, RECIPE may be left out,
    and only settings of [run] may differ from those before.

    Ctrl-C writes a checkpoint first; a second one does not wait. With several GPUs:
    torchrun --nproc-per-node 4 -m vqcodec.cli train run ...
    """
    console = options.console_of(as_json, quiet, verbose)
    if recipe is not None and "=" in recipe and not Path(recipe).exists():
        overrides = (recipe, *overrides)
        recipe = None
    if recipe is None and not resume:
        raise click.UsageError("name a recipe, or go on with --resume")
    if (pack is None) == (data is None):
        raise click.UsageError("give --pack or --data, one of them")
    group = dict(_pair(text) for text in groups)
    from ..trainer.failures import RecipeError
    from ..trainer.loop import train as train_model
    from ..trainer.recipe import read_recipe
    from ..trainer.run_folder import Purpose, recipe_of_run

    try:
        settings = (
            read_recipe(recipe, overrides) if recipe is not None else recipe_of_run(out, overrides)
        )
        purpose = Purpose(mode, group, fine_tune)
        used = pack or packed_in(out, data, console)
        with _Display(console) as display, _naming_files():
            summary = train_model(
                settings, used, out, display, purpose=purpose, resume=resume, device=device
            )
    except RecipeError as error:
        raise Failed(Code.USAGE, str(error)) from error
    record = {"out": str(out), "steps": summary.steps, "seconds": summary.seconds}
    line = f"{out}: {summary.steps} steps in {_duration(summary.seconds)}, loss {summary.loss:.5g}"
    console.result({**record, "loss": summary.loss}, [line])
    return Code.DONE


@train.command(
    epilog=options.examples("vqz train export run -o models/mine.safetensors --pack pack.h5")
)
@click.argument("run_folder", metavar="RUN", type=options.PATH)
@click.option("-o", "--output", type=options.PATH, required=True, help="Weights, safetensors.")
@click.option("--id", "model_id", help="Name of the model; by default that of the file.")
@click.option("--license", default="", help="Licence of the weights.")
@click.option(
    "--pack",
    type=options.PATH,
    help="Training pack to learn entropy tables from; compressing needs them.",
)
@click.option(
    "--patches",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="How many patches of the pack to learn them from.",
)
@options.overwrite
@options.reporting
def export(
    run_folder: Path,
    output: Path,
    model_id: str | None,
    license: str,
    pack: Path | None,
    patches: int,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Write the newest checkpoint of RUN as a weights file, with a model card beside it."""
    console = options.console_of(as_json, quiet, verbose)
    from ..trainer.code_prior import PriorSettings
    from ..trainer.export import export_run

    def tell(text: str) -> None:
        if console.verbosity >= 0:
            put(printable(text), sys.stderr)

    with writing(output):
        done = export_run(
            run_folder,
            output,
            model_id=model_id,
            license=license,
            overwrite=overwrite,
            pack=pack,
            prior=PriorSettings(patches=patches),
            tell=tell,
        )
    record = {"output": str(done.weights), "card": str(done.card), "sha256": done.sha256}
    lines = [f"{done.weights}: {file_size(done.size)}, sha256 {done.sha256}", f"{done.card}"]
    console.result({**record, "bytes": done.size}, lines)
    return Code.DONE


class _Display:
    """Progress on a terminal, and lines for people."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.bar: Any = None

    def __enter__(self) -> _Display:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def says(self, text: str) -> None:
        if self.console.verbosity >= 0:
            put(printable(text), sys.stderr)

    def progress(self, step: int, steps: int, loss: float, rate: float, left: float) -> None:
        if self.console.verbosity < 0 or not sys.stderr.isatty():
            return
        if self.bar is None:
            from tqdm import tqdm

            layout = "{n_fmt}/{total_fmt} {bar} {desc}"
            self.bar = tqdm(total=steps, leave=False, file=sys.stderr, bar_format=layout)
        self.bar.n = step
        self.bar.set_description_str(
            f"loss {loss:.4g}, {rate / 1e6:.2f} Mvoxel/s, {_duration(left)} left"
        )


def _pair(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not equals or not column:
        raise click.UsageError(f"--group {text!r} is not like diagnosis=control")
    return column, value


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


@contextmanager
def _naming_files() -> Iterator[None]:
    """Say which file could not be read or written."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise
        code = Code.NO_INPUT if isinstance(error, FileNotFoundError) else Code.IO
        raise Failed(code, f"{error.filename}: {error.strerror or error}") from error
