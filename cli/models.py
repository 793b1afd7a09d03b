"""``vqz models``: which models there are, and whether their weights are the right ones."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from . import options
from .batch import Outcome, failure, overall, report
from .console import Console, file_size
from .exits import Code

if TYPE_CHECKING:
    from ..registry import ModelEntry


@click.group(epilog=options.examples("vqz models list"))
def models() -> None:
    """List, show and verify models.

    Weights are looked for in VQZ_MODEL_PATH (files and folders), in the package, in the
    user's cache, and then downloaded if the index knows where from.
    """


@models.command("list", epilog=options.examples("vqz models list", "vqz models list --json"))
@options.reporting
def list_command(as_json: bool, quiet: bool, verbose: bool) -> int:
    """List the models; * marks the default."""
    from ..registry import list_models

    console = options.console_of(as_json, quiet, verbose)
    for entry in list_models():
        console.result(record_of(entry), [line_of(entry)])
    return Code.DONE


@models.command(epilog=options.examples("vqz models show", "vqz models show tudosiu2020-baur"))
@click.argument("model", required=False)
@options.reporting
def show(model: str | None, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Show what is known of MODEL (by default the default model), with its card."""
    console = options.console_of(as_json, quiet, verbose)
    from ..errors import ModelUnavailableError
    from ..registry import list_models

    for entry in list_models():
        if entry.id == model or (model is None and entry.default):
            console.result(record_of(entry), lines_of(entry))
            return Code.DONE
    what = "default model" if model is None else f"model {model!r}"
    raise ModelUnavailableError(f"there is no {what} (see 'vqz models list')")


@models.command(epilog=options.examples("vqz models verify"))
@click.argument("names", metavar="[MODEL]...", nargs=-1)
@options.reporting
def verify(names: tuple[str, ...], as_json: bool, quiet: bool, verbose: bool) -> int:
    """Load the weights of each MODEL (by default all) and compare them with their hash."""
    from ..registry import list_models

    console = options.console_of(as_json, quiet, verbose)
    wanted = names or tuple(entry.id for entry in list_models())
    return overall([_verify(name, console) for name in wanted])


@models.command(epilog=options.examples("vqz models path", "vqz models path vqcodec-t1-1"))
@click.argument("model", required=False)
@options.reporting
def path(model: str | None, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Print the path of the weights of MODEL, downloading them if need be."""
    from ..registry import locate_weights

    found = locate_weights(model)
    console = options.console_of(as_json, quiet, verbose)
    console.result({"model": model, "path": str(found)}, [str(found)])
    return Code.DONE


def _verify(name: str, console: Console) -> Code:
    from ..registry import load_weights

    try:
        model = load_weights(name)
        record = {"source": name, "ok": True, "sha256": model.sha256, "path": str(model.path)}
        outcome = Outcome(name, record=record)
    except Exception as error:
        outcome = failure(name, error)
    return report(outcome, console, lambda record: [f"{record['source']}: ok"])


def record_of(entry: ModelEntry) -> dict[str, Any]:
    """Return an entry as it is printed with ``--json``."""
    return asdict(entry)


def line_of(entry: ModelEntry) -> str:
    """Write an entry as a line of the list."""
    mark = "*" if entry.default else " "
    return (
        f"{mark} {entry.id:<24} {entry.family:<10} {file_size(entry.size):>8}  "
        f"{entry.license:<12} {entry.source}"
    )


def lines_of(entry: ModelEntry) -> list[str]:
    """Write all of an entry."""
    lines = [
        f"{name.replace('_', ' '):<14} {value}"
        for name, value in record_of(entry).items()
        if name != "card" and value is not None
    ]
    if entry.card is not None:
        lines += ["", *entry.card.read_text(encoding="utf-8").splitlines()]
    return lines
