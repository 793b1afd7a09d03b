"""Coverage-guided fuzzing: ``python -m tests.fuzz --seconds 60 [TARGET ...]``; see `targets`.

Each target runs in a process of its own. What crashes, hangs or takes too much memory is left in
``fuzz-out/TARGET``, next to the corpus that was found on the way; later runs go on from there.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

#: Those of `targets`, which is imported under instrumentation only.
NAMES = ("container", "header", "packed_header", "streams", "sections", "archive", "volume")
OUT = Path(__file__).resolve().parents[2] / "fuzz-out"
LARGEST_INPUT = 1 << 14
MEBIBYTES = 1024
SECONDS_AN_INPUT = 10


@click.command()
@click.argument("targets", nargs=-1, type=click.Choice(NAMES))
@click.option("--seconds", type=click.IntRange(min=1), default=60, help="For each target.")
@click.option("--inside", hidden=True, is_flag=True)
def main(targets: tuple[str, ...], seconds: int, inside: bool) -> None:
    """Fuzz the readers of files that others made."""
    if inside:
        fuzz(targets[0], seconds)
        return
    failed = []
    for target in targets or NAMES:
        click.echo(f"{target}: {seconds} s")
        command = [sys.executable, "-m", "tests.fuzz", "--inside", "--seconds", str(seconds)]
        if subprocess.run([*command, target]).returncode:
            failed.append(target)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}; the inputs are in {OUT}")


def fuzz(target: str, seconds: int) -> None:
    """Fuzz one target in this process, until the time is over or something is found."""
    import atheris

    with atheris.instrument_imports(include=["vqcodec"]):
        from .targets import run, seeds

    corpus, found = OUT / target / "corpus", OUT / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds(target)):
        (corpus / f"seed-{number:03}").write_bytes(data)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={LARGEST_INPUT}",
        f"-rss_limit_mb={MEBIBYTES}",
        f"-timeout={SECONDS_AN_INPUT}",
        f"-artifact_prefix={found}/",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], lambda data: run(target, data))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
