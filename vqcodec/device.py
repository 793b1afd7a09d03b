"""Which device the networks run on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from .errors import VqzError

if TYPE_CHECKING:
    import torch


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """Turn a device name into a torch device that exists on this machine.

    Parameters
    ----------
    device : str or torch.device
        ``"auto"`` (the first CUDA device if there is one, else the CPU), ``"cpu"``, ``"cuda"``,
        ``"cuda:1"``, or a torch device.

    Raises
    ------
    ValueError
        The name is none of these.
    VqzError
        The machine, or this build of torch, has no such device.
    """
    import torch

    if isinstance(device, str):
        if device == "auto":
            return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
        if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
            raise ValueError(f"device {device!r} is none of 'auto', 'cpu', 'cuda', 'cuda:N'")
        device = torch.device(device)
    if device.type == "cuda":
        _check_cuda(device.index or 0)
        if str(device) == "cuda":
            return torch.device("cuda", torch.cuda.current_device())
    return device


@contextmanager
def rounded_networks(device: torch.device) -> Iterator[None]:
    """Let networks round to bfloat16 where the CPU has units for it (AMX), in half of the time.

    What is restored differs by about 0.001 dB, and its largest error by up to 0.2 % (measured on
    two scans at two rates): good enough for the figures of a file in a hurry, not for its voxels,
    which should not depend on the machine by more than the order of sums.
    """
    import torch

    has_units = hasattr(torch.cpu, "get_capabilities")  # older torch does not say
    if has_units and device.type == "cpu" and torch.cpu.get_capabilities().get("amx_bf16", False):
        with torch.autocast("cpu", torch.bfloat16):
            yield
    else:
        yield


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch compute on one thread: sums of several round differently.

    Codes do not depend on it, but the last digits of a file's figures may, and files must not
    depend on how many processes share a machine. Without torch, nothing is done.
    """
    if find_spec("torch") is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _check_cuda(index: int) -> None:
    import torch

    if torch.version.cuda is None and torch.version.hip is None:
        raise VqzError("device 'cuda' was asked for, but this build of torch is for the CPU only")
    if not torch.cuda.is_available():
        raise VqzError("device 'cuda' was asked for, but torch finds no usable CUDA device")
    if index >= torch.cuda.device_count():
        raise VqzError(
            f"device 'cuda:{index}' was asked for, but there are only "
            f"{torch.cuda.device_count()} CUDA devices"
        )
