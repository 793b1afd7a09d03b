"""A whole file that the search for the best one within a budget has tried."""

from __future__ import annotations

from dataclasses import dataclass

from ..formats.container import Container
from ..frame_grids import DecodedFrame


@dataclass(frozen=True)
class Attempt:
    """A whole file at one step, without figures.

    Attributes
    ----------
    container : Container
    nbytes : int
        Its size.
    is_finest : bool
        A finer step would change nothing.
    psnr : float or None
        In the foreground, in dB, where that is aimed at.
    decoded : tuple of DecodedFrame
        What its streams decode to.
    step_index : int or None
        The finest step in use, where it may be coarser than the one that was asked for.
    """

    container: Container
    nbytes: int
    is_finest: bool = False
    psnr: float | None = None
    decoded: tuple[DecodedFrame, ...] = ()
    step_index: int | None = None
