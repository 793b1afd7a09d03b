"""Who is told how a run goes."""

from __future__ import annotations

from typing import Protocol


class Listener(Protocol):
    """Who is told how a run goes; on the first process only."""

    def says(self, text: str) -> None:
        """A line for people."""

    def progress(self, step: int, steps: int, loss: float, rate: float, left: float) -> None:
        """After every step: loss, voxels per second, and seconds left."""


class Nobody:
    """A listener that does not listen."""

    def says(self, text: str) -> None:
        """Nobody listens."""

    def progress(self, step: int, steps: int, loss: float, rate: float, left: float) -> None:
        """Nobody listens."""
