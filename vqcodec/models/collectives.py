"""The few collective operations of distributed training; without a process group they do nothing.

Every rank must call them in the same order.
"""

from __future__ import annotations

import torch
import torch.distributed as distributed
from torch import Tensor


def world_size() -> int:
    """Number of processes that train together."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size()
    return 1


def is_first_rank() -> bool:
    """Whether this process is the one whose choices the others take over."""
    return world_size() == 1 or distributed.get_rank() == 0


def sum_over_ranks(values: Tensor) -> Tensor:
    """Add a tensor up over all ranks, in place, and return it."""
    if world_size() > 1:
        distributed.all_reduce(values)
    return values


def from_first_rank(values: Tensor) -> Tensor:
    """Overwrite a tensor, in place, with that of the first rank, and return it."""
    if world_size() > 1:
        distributed.broadcast(values, src=0)
    return values


def gather_ranks(values: Tensor) -> Tensor:
    """Stack the equally shaped tensors of all ranks, ``(ranks, ...)``."""
    if world_size() == 1:
        return values[None]
    parts = [torch.empty_like(values) for _ in range(world_size())]
    distributed.all_gather(parts, values.contiguous())
    return torch.stack(parts)
