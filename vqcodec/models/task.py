"""What a network family is asked to do with the frames of a volume."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..frame_grids import CodedFrame
from ..frames import PreparedFrame
from ..rate_control import Budget
from .attempt import Attempt
from .fidelity import Fidelity


@dataclass(frozen=True)
class CodingTask:
    """Frames to code within a budget.

    Attributes
    ----------
    frames : sequence of PreparedFrame
    dtype : dtype
        Of the voxels as stored.
    device : torch.device
        Where networks and transforms run.
    budget : Budget
    effort : int
        1 (fast) to 9 (small files).
    overhead : int
        Bytes of the file that are known already.
    fidelity : Fidelity
        Measures what is decoded, where the budget is a PSNR.
    finish : callable
        Makes a whole file of coded frames; the flag says that nothing finer is to be had.
    """

    frames: Sequence[PreparedFrame]
    dtype: np.dtype[Any]
    device: torch.device
    budget: Budget
    effort: int
    overhead: int
    fidelity: Fidelity
    finish: Callable[[Sequence[CodedFrame], bool], Attempt]
