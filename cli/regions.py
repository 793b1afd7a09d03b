"""Regions of a volume on the command line: ``--roi 10:20,:,:5``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def region_option(what: str) -> Callable[[Command], Command]:
    """Option ``--roi``, whose help begins with ``what``."""
    return click.option(
        "--roi",
        "region",
        metavar="X0:X1,Y0:Y1,Z0:Z1",
        callback=lambda _context, _option, value: parse_region(value),
        help=f"{what}, in voxels of the volume, ends not included; 10:20,:,:5 is fine.",
    )


def parse_region(text: str | None) -> tuple[slice, ...] | None:
    """Read ``10:20,:,:5`` as slices."""
    if text is None:
        return None
    try:
        return tuple(_slice(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not of the form 10:20,0:64,5:") from None


def shown_region(region: tuple[slice, ...]) -> str:
    """Write slices the way `parse_region` reads them."""
    sides = [["" if n is None else str(n) for n in (each.start, each.stop)] for each in region]
    return ",".join(":".join(side) for side in sides)


def _slice(part: str) -> slice:
    start, stop = (int(side) if side.strip() else None for side in part.split(":"))
    return slice(start, stop)
