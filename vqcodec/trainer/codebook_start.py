"""The linear start of a run: codebooks on the latents of many patches, stage by stage."""

from __future__ import annotations

import torch
from torch import Tensor

from ..models.collectives import from_first_rank
from ..models.paper import PaperNetwork
from ..models.paper.linear_start import start_linearly
from ..models.paper.network import COARSE_TO_FINE
from ..models.quantiser import VectorCodebook
from ..models.residual_quantiser import ResidualQuantiser, rows_of
from .failures import RecipeError
from .recipe import Recipe
from .sampling import Patches

MOST_ROWS = 100_000
FIRST_NUMBER = 1 << 40


def begin_linearly(network: PaperNetwork, recipe: Recipe, patches: Patches) -> None:
    """Give a network the linear start, and codebooks made from patches of the run's own kind.

    Parameters
    ----------
    network : PaperNetwork
        On the CPU.
    recipe : Recipe
    patches : Patches
        Numbers far from those that the run begins with are drawn.

    Raises
    ------
    RecipeError
        The network cannot take this start.
    """
    try:
        start_linearly(network)
    except ValueError as error:
        raise RecipeError(str(error)) from error
    drawn = [
        torch.from_numpy(patches[FIRST_NUMBER + number][0])[None, None]
        for number in range(recipe.start.patches)
    ]
    start_codebooks(network, drawn, recipe.data.batch_size)
    for buffer in network.quantisers.buffers():
        buffer.copy_(from_first_rank(buffer))


@torch.no_grad()
def start_codebooks(network: PaperNetwork, patches: list[Tensor], batch_size: int) -> None:
    """Start every codebook by k-means; what a level sees of the coarser ones is decoded.

    One batch is too few: it holds a handful of coarse sites for 256 entries.

    Parameters
    ----------
    network : PaperNetwork
        Its codebooks must have free entries.
    patches : list of Tensor
        ``(1, 1, D, H, W)`` each, sides multiples of 64.
    batch_size : int
        Patches a training step will see: the moving averages go on at that pace.
    """
    was_training = network.training
    network.eval()
    features = [network.encoder(x_B1DHW) for x_B1DHW in patches]
    quantised: list[Tensor | None] = [None] * len(patches)
    seen: list[Tensor | None] = [None] * len(patches)
    for name in COARSE_TO_FINE:
        condition, quantiser = network.condition_of(name), network.quantiser_of(name)
        latents = []
        for place, feature in enumerate(features):
            seen[place] = condition.look_up(quantised[place], seen[place])
            latents.append(condition(feature[name], seen[place]))
        rows = torch.cat([rows_of(each) for each in latents])
        _start_stages(quantiser, rows, rows.shape[0] * batch_size / len(patches))
        for place, latent in enumerate(latents):
            quantised[place] = quantiser.decode(quantiser.encode(latent))
    network.train(was_training)


def _start_stages(quantiser: ResidualQuantiser, rows_ND: Tensor, rows_a_step: float) -> None:
    """k-means of each stage on what the ones before left over.

    Sites that are alike, such as empty ones, count once.
    """
    rest_ND = _distinct(rows_ND)
    rest_ND = rest_ND[torch.randperm(rest_ND.shape[0])[:MOST_ROWS]]
    for codebook in quantiser.codebooks:
        if isinstance(codebook, VectorCodebook):
            codebook.start_on(rest_ND, rows_a_step)
            rest_ND = rest_ND - codebook.look_up(codebook.choose(rest_ND))


def _distinct(rows_ND: Tensor) -> Tensor:
    """One of each group of equal rows, told apart by a random projection."""
    keys_N = rows_ND.double() @ torch.randn(rows_ND.shape[1], dtype=torch.float64)
    ordered_N, order_N = keys_N.sort()
    is_new = torch.ones_like(ordered_N, dtype=torch.bool)
    is_new[1:] = ordered_N.diff() != 0
    return rows_ND[order_N[is_new]]
