"""Codes that no scan was compressed to, such as those a generative model draws, to voxels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .device import resolve_device
from .errors import UnsupportedError
from .layout import LEVEL_NAMES
from .models.paper_family import PaperModel
from .networks import network_on
from .registry import LoadedModel, load_model


def decode_codes(
    codes: Mapping[str, Any],
    model: str | LoadedModel,
    *,
    shape: Sequence[int] | None = None,
    device: str | torch.device = "auto",
) -> NDArray[np.float32]:
    """The volume that codes of a token model stand for.

    Parameters
    ----------
    codes : mapping of array
        uint8 ``(codes a site, D/f, H/f, W/f)`` of ``fine``, ``middle`` and ``coarse``; any prefix
        of the codes of a site will do.
    model : str or LoadedModel
        The model, or its id.
    shape : sequence of int, optional
        Voxels of the volume, at most those of the grids; without it, all of them.
    device : str or torch.device
        Where the network runs.

    Returns
    -------
    ndarray of float32
        ``(D, H, W)``, axes to the right, to the front and up, 0 to 1 for the robust range of a
        scan. There is no foreground mask, so the background is about zero.

    Raises
    ------
    FormatError
        Codes of the wrong type or shape, or beyond their codebook.
    UnsupportedError
        The model is not of family ``paper``.
    ModelUnavailableError
    """
    loaded = load_model(model) if isinstance(model, str) else model
    on = resolve_device(device)
    network = network_on(loaded, on)
    if not isinstance(network, PaperModel):
        raise UnsupportedError(f"model {loaded.id!r} is no token model (family {loaded.family})")
    tensors = {
        name: torch.as_tensor(np.asarray(codes[name]))[None].to(on)
        for name in LEVEL_NAMES
        if name in codes
    }
    with torch.no_grad():
        x = network.network.decode(tensors, shape)[0, 0]
    found: NDArray[np.float32] = x.cpu().numpy()
    return found
