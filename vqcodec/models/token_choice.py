"""Which code a site gets: distortion of the latents against the bits that the code costs.

A code that the entropy coder expects is nearly free; taking it where it is nearly as good as the
nearest entry takes 5 % off the file for 0.1 dB (measured on a held-out scan). Decoders need
not know.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..entropy.tables import FREQUENCY_TOTAL
from .residual_quantiser import ResidualQuantiser, rows_of

CANDIDATES = 8
LAMBDA = 0.08
ROWS_AT_ONCE = 1024


@dataclass(frozen=True, eq=False)
class TokenPicker:
    """Picks the codes of a level of one frame, site by site, stage by stage.

    Attributes
    ----------
    rest_ND : Tensor
        What the codes picked so far leave over of the latents, in raster order; changed in
        place.
    entries_SKD : Tensor
        Entries of the stages to use.
    price : float
        Squared error that a bit may save.
    """

    rest_ND: Tensor
    entries_SKD: Tensor
    price: float

    @property
    def stages(self) -> int:
        """Codes a site."""
        return len(self.entries_SKD)

    def pick(
        self, stage: int, sites: NDArray[np.intp], shares_NK: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Codes of least cost; a stage that is not the last is judged by what the next can do."""
        bits_NK = torch.from_numpy(np.log2(FREQUENCY_TOTAL / shares_NK)).float()
        at_N = torch.from_numpy(sites)
        picked = torch.empty(len(sites), dtype=torch.int64)
        for rows in torch.arange(len(sites)).split(ROWS_AT_ONCE):
            rest_ND = self.rest_ND[at_N[rows]]
            chosen = self._pick(stage, rest_ND, self.price * bits_NK[rows])
            self.rest_ND[at_N[rows]] = rest_ND - self.entries_SKD[stage][chosen]
            picked[rows] = chosen
        return picked.numpy()

    def _pick(self, stage: int, rest_ND: Tensor, charge_NK: Tensor) -> Tensor:
        costs_NK = _errors(rest_ND, self.entries_SKD[stage]) + charge_NK
        if stage + 1 == self.stages:
            return costs_NK.argmin(1)
        few = min(CANDIDATES, costs_NK.shape[1])
        best_NC = costs_NK.topk(few, dim=1, largest=False).indices
        left_ND = (rest_ND[:, None] - self.entries_SKD[stage][best_NC]).flatten(0, 1)
        next_NC = _errors(left_ND, self.entries_SKD[stage + 1]).amin(1).reshape(best_NC.shape)
        place = (next_NC + charge_NK.gather(1, best_NC)).argmin(1)
        return best_NC.gather(1, place[:, None])[:, 0]


def token_picker(z_BCDHW: Tensor, quantiser: ResidualQuantiser, stages: int) -> TokenPicker:
    """Picker for the latents ``(1, C, D, H, W)`` of a level.

    The price of a bit is a share of the mean squared error that the nearest codes leave over.
    """
    greedy = quantiser.decode(quantiser.encode(z_BCDHW, stages))
    error = float((greedy - z_BCDHW).square().sum(1).mean())
    books = list(quantiser.codebooks)[:stages]
    numbers = torch.arange(quantiser.size, device=z_BCDHW.device)
    entries = torch.stack([book.look_up(numbers) for book in books])  # type: ignore[operator]
    return TokenPicker(rows_of(z_BCDHW).cpu().clone(), entries.float().cpu(), LAMBDA * error)


def _errors(rows_ND: Tensor, entries_KD: Tensor) -> Tensor:
    """Squared distances of rows to entries, ``(N, K)``."""
    products_NK = rows_ND @ entries_KD.T
    return rows_ND.square().sum(1)[:, None] + entries_KD.square().sum(1) - 2 * products_NK
