"""``python -m tests.faults --count 1000``: that many injected faults, over all commands."""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import click

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from .scenes import SCENES  # noqa: E402
from .trials import complaints, faults, undisturbed, warm_up  # noqa: E402


@click.command()
@click.argument("scenes", nargs=-1, type=click.Choice(list(SCENES)))
@click.option("--count", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(scenes: tuple[str, ...], count: int, seed: int) -> None:
    """Inject faults, and fail if a source, a result or an archive is damaged by one."""
    warm_up()
    chance = random.Random(seed)
    kinds: Counter[str] = Counter()
    wrong = 0
    chosen = scenes or tuple(SCENES)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "scene")
        for index, name in enumerate(chosen):
            course = undisturbed(SCENES[name], place)
            trials = count // len(chosen) + (index < count % len(chosen))
            click.echo(f"{name}: {trials} faults, {course.operations} operations")
            for _, fault in zip(range(trials), faults(course, chance), strict=False):
                kinds[fault.kind.value] += 1
                for line in complaints(SCENES[name], course, place, fault):
                    wrong += 1
                    click.echo(f"  {fault.kind.name} at {fault.place:g}: {line}", err=True)
    for kind, times in sorted(kinds.items()):
        click.echo(f"{times:6}  {kind}")
    click.echo(f"{sum(kinds.values())} faults, {wrong} complaints")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
