"""The default network family: wavelet analysis, product codebooks, wavelet synthesis.

Analysis and synthesis are fixed (CDF 9/7) in this version of the family; what is learned are
the codebooks' centroids and the entropy model.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..entropy.context_model import ContextModel, context_model
from ..entropy.level_contexts import Coefficients
from ..errors import ModelUnavailableError
from ..grids import ENTRIES, ZERO_ENTRY
from ..layout import SPLITS, padded_to_four, pads_to_four, step_of
from .device_networks import networks_on
from .restoration import RestorationNetwork, restoration_network, restore
from .wavelet import Pyramid, synthesise

FAMILY_ID = "wavelet"
#: In 64ths of an octave: a lattice of 0.55 steps has the error of a plain quantiser of one step.
TRELLIS_FINER = 55


@dataclass(frozen=True, eq=False)
class WaveletModel:
    """A loaded model of the family.

    Attributes
    ----------
    codebooks : ndarray of float32
        ``(6, 256)``, first-stage entries of each split, in steps.
    entropy : ContextModel
    restoration : RestorationNetwork or None
        Applied after synthesis.
    """

    codebooks: NDArray[np.float32]
    entropy: ContextModel
    restoration: RestorationNetwork | None

    @property
    def finer_by(self) -> int:
        """Step indices by which a trellis' lattice is finer than a plain one of the same error."""
        return TRELLIS_FINER if self.entropy.is_trellis else 0

    def plain_step(self, step_index: int) -> float:
        """Step that leaves about the same error without a trellis; what restoration knows."""
        return step_of(step_index - self.finer_by)


def wavelet_model(tensors: Mapping[str, NDArray[Any]]) -> WaveletModel:
    """Build a model from the tensors of a weights file.

    Raises
    ------
    ModelUnavailableError
        If a tensor is missing or of the wrong shape.
    """
    codebooks = tensors.get("codebooks")
    if codebooks is None or codebooks.shape != (SPLITS, ENTRIES):
        raise ModelUnavailableError(f"weights hold no codebooks of shape ({SPLITS}, {ENTRIES})")
    return WaveletModel(
        codebooks.astype(np.float32), context_model(tensors), restoration_network(tensors)
    )


def wavelet_model_on(
    model: WaveletModel, device: torch.device, with_contexts: bool = True
) -> WaveletModel:
    """The model with its networks on a device; what they code stays the same."""
    entropy = _entropy_on(model.entropy, device) if with_contexts else model.entropy
    restoration = copy.deepcopy(model.restoration).to(device) if model.restoration else None
    return replace(model, entropy=entropy, restoration=restoration)


def _entropy_on(entropy: ContextModel, device: torch.device) -> ContextModel:
    groups = tuple(
        replace(group, networks=networks_on(group.networks, device)) for group in entropy.groups
    )
    mask = replace(entropy.mask, networks=networks_on(entropy.mask.networks, device))
    return replace(entropy, groups=groups, mask=mask)


def reconstruct_coefficients(
    model: WaveletModel,
    coefficients: Coefficients,
    step_index: int,
    foreground: NDArray[np.bool_],
    device: torch.device,
) -> Tensor:
    """Look the codes up, synthesise and restore.

    Parameters
    ----------
    foreground : ndarray of bool
        ``(D, H, W)`` of the crop.

    Returns
    -------
    Tensor
        Float volume ``(D, H, W)`` on ``device``, in units of the robust range.
    """
    step = step_of(step_index)
    details = tuple(
        torch.from_numpy(points).to(device) * step
        for points in decoded_details(model, coefficients)
    )
    low_pass = torch.from_numpy(coefficients.low_pass.astype(np.float32)).to(device) * step
    sides = foreground.shape
    padded = padded_to_four(sides)
    x = synthesise(Pyramid(details, low_pass), padded)
    if model.restoration is not None:
        inside = torch.from_numpy(np.pad(foreground, pads_to_four(sides))).to(device)
        x = restore(model.restoration, x, inside, model.plain_step(step_index))
    return x[tuple(slice(n) for n in sides)]


def decoded_details(
    model: WaveletModel, coefficients: Coefficients, first: int = 0
) -> Iterator[NDArray[np.float32]]:
    """Detail coefficients of each split from ``first`` on, in steps: entries and offsets."""
    offsets = coefficients.offsets or (None,) * len(coefficients.details)
    codebooks = model.codebooks[first : first + len(offsets)]
    for q, codebook, offset in zip(coefficients.details, codebooks, offsets, strict=True):
        points = _points(q, codebook)
        yield points if offset is None else points + offset


def _points(q: NDArray[np.int32], codebook: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum of codebook entries: learned points in the first stage, multiples of 256 above."""
    shifted = q + ZERO_ENTRY
    points: NDArray[np.float32] = codebook[shifted & (ENTRIES - 1)]
    higher = shifted >> 8
    if higher.any():
        points += higher.astype(np.float32) * ENTRIES
    return points
