"""Training in several processes: ``torchrun`` sets the environment, gradients are averaged."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as distributed
from torch import Tensor

from ..device import resolve_device
from ..models.collectives import sum_over_ranks, world_size
from .sampling import Share


@contextmanager
def processes(device: str) -> Iterator[tuple[torch.device, Share]]:
    """Join the process group that ``torchrun`` describes, if it does.

    Parameters
    ----------
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``; each process takes the GPU of its local rank.

    Yields
    ------
    tuple
        Device of this process, and its share of every batch.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1 or distributed.is_initialized():
        rank = distributed.get_rank() if distributed.is_initialized() else 0
        yield resolve_device(device), Share(rank, world_size())
        return
    resolved = resolve_device(device)
    if resolved.type == "cuda":
        resolved = resolve_device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}")
        torch.cuda.set_device(resolved)
    distributed.init_process_group("nccl" if resolved.type == "cuda" else "gloo")
    try:
        yield resolved, Share(distributed.get_rank(), world)
    finally:
        distributed.destroy_process_group()


def average_over_ranks(gradients: Sequence[Tensor]) -> list[Tensor]:
    """Mean of equally shaped gradients over all ranks, in one message."""
    ranks = world_size()
    if ranks == 1 or not gradients:
        return list(gradients)
    flat = sum_over_ranks(torch.cat([gradient.flatten() for gradient in gradients])) / ranks
    parts = flat.split([gradient.numel() for gradient in gradients])
    return [part.view_as(like) for part, like in zip(parts, gradients, strict=True)]


def any_rank(marks: Sequence[bool], device: torch.device) -> list[bool]:
    """Whether each mark is set on any rank; every rank must call it."""
    if world_size() == 1:
        return list(marks)
    counts = sum_over_ranks(torch.tensor(marks, dtype=torch.float32, device=device))
    return [count > 0 for count in counts.tolist()]
