"""What is to become of each file of a folder, and where two would become one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .names import written_with

Action = Literal["compress", "decompress", "copy"]


@dataclass(frozen=True)
class Item:
    """A file, and what is to become of it.

    Attributes
    ----------
    source : Path
        The file; of a header and image pair, the header.
    relative : Path
        The same, below the folder that was named.
    result : Path
        The result, below the output folder.
    action : {"compress", "decompress", "copy"}
    """

    source: Path
    relative: Path
    result: Path
    action: Action

    @property
    def results(self) -> tuple[Path, ...]:
        """The files that the result consists of, below the output folder."""
        return (self.result,) if self.action == "copy" else written_with(self.result)


@dataclass(frozen=True)
class Collision:
    """Sources that would all become one result."""

    result: Path
    items: tuple[Item, ...]

    @property
    def message(self) -> str:
        """What is wrong with the first of them, and what to do."""
        others = " and ".join(str(item.source) for item in self.items[1:])
        return f"would become {self.result}, and so would {others}: rename or remove one"


def without_collisions(items: Sequence[Item]) -> tuple[list[Item], list[Collision]]:
    """Part the items that have a result for themselves from those that would share one."""
    claims: dict[str, list[Item]] = {}
    for item in items:
        for file in item.results:
            claims.setdefault(os.path.normcase(file), []).append(item)
    shared = {name: claimed for name, claimed in claims.items() if len(claimed) > 1}
    collisions: dict[tuple[Item, ...], Collision] = {}
    for claimed in shared.values():
        together = tuple(claimed)
        collisions.setdefault(together, Collision(together[0].result, together))
    colliding = {item for claimed in shared.values() for item in claimed}
    return [item for item in items if item not in colliding], list(collisions.values())
