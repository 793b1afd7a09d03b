"""Curves of peers from an earlier results file: they do not change when vqcodec does."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from .curves import Curve, point_of


@dataclass(frozen=True)
class EarlierPeers:
    """What a run measured before.

    Attributes
    ----------
    origin : str
        Date and commit of that run.
    curves : mapping of str to tuple of Curve
        By the SHA-256 of the scan's file.
    """

    origin: str = ""
    curves: Mapping[str, tuple[Curve, ...]] = field(default_factory=dict)

    def of(self, sha256: str, without: Collection[str]) -> tuple[Curve, ...]:
        """Curves on a scan, but those of the peers that are measured anew."""
        return tuple(each for each in self.curves.get(sha256, ()) if each.peer not in without)

    def note(self, used: Collection[str]) -> tuple[str, ...]:
        """What to say of the peers whose curves were taken over."""
        return (f"{', '.join(sorted(used))}: curves of {self.origin}",) if used else ()


def earlier_peers(path: Path | None) -> EarlierPeers:
    """Read a document of ``bd-rate``; nothing where there is no path.

    Raises
    ------
    ClickException
        It is no such document.
    """
    if path is None:
        return EarlierPeers()
    try:
        held = json.loads(path.read_text("utf-8"))
        curves = {
            held["data"][record["scan"]]: tuple(
                Curve(each["peer"], tuple(map(point_of, each["points"])))
                for each in record["curves"]
            )
            for record in held["records"]
        }
        origin = f"{held['machine']['date']}, commit {held['machine']['commit']}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise click.ClickException(f"{path}: no results of bd-rate ({error})") from None
    return EarlierPeers(origin, curves)
