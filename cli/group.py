"""The ``vqz`` command with all its subcommands."""

from __future__ import annotations

import os

import click
from click.shell_completion import shell_complete

from .. import __version__
from .archive import archive
from .compare import compare
from .compress import compress
from .decompress import decompress
from .exits import Code, Failed
from .export import export
from .info import info
from .models import models
from .options import examples
from .report import report
from .test import test
from .train import train

COMPLETION = "_VQZ_COMPLETE"
#: From click 8.2 on, a group without a command is an error, whose message is the help.
NO_COMMAND = getattr(click.exceptions, "NoArgsIsHelpError", ())


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "vqz compress scan.nii.gz",
        "vqz decompress scan.vqz -o back.nii.gz",
        "vqz report scan.nii.gz scan.vqz",
    ),
)
@click.version_option(__version__, message="vqz %(version)s")
def vqz() -> None:
    """Compress 3D brain MRI to a fraction of a percent, and bring it back.

    Sources are kept, and nothing is overwritten without -f.

    Exit codes: 0 all done, 1 some files failed, 2 wrong usage, 65 bad data, 66 no input,
    69 model or device unavailable, 73 cannot create a file, 74 I/O error, 130 interrupted.
    """


for command in (
    *(compress, decompress, info, test, compare, report),
    *(models, archive, export, train),
):
    vqz.add_command(command)


def run(arguments: list[str]) -> int:
    """Run one command, or complete one for a shell, and return its exit code.

    Raises
    ------
    Failed
        The command line is wrong.
    """
    asked = os.environ.get(COMPLETION)
    if asked:
        return shell_complete(vqz, {}, "vqz", COMPLETION, asked)
    try:
        with vqz.make_context("vqz", arguments) as context:
            return int(vqz.invoke(context) or 0)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        if isinstance(error, NO_COMMAND):
            click.echo(error.format_message())
            return Code.DONE
        raise Failed(Code.USAGE, _usage_line(error)) from None


def _usage_line(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    message = error.format_message().rstrip(".")
    if context is None:
        return message
    name = context.command_path.removeprefix("vqz").strip()
    where = f"{name}: " if name else ""
    return f"{where}{message} (see '{context.command_path} --help')"
