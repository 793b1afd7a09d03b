"""Vector codebooks: nearest entry, learned by moving averages (equation 5 of the paper)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from .collectives import from_first_rank, gather_ranks, is_first_rank, sum_over_ranks, world_size
from .k_means import k_means, nearest, weighted_draw

START_POINTS_PER_ENTRY = 32
REVIVED_OVER_THRESHOLD = 10.0
PATIENCE = 500.0
WARM_UP = 10.0


class Codebook(nn.Module, ABC):
    """One quantiser stage: rows of latents to indices and back, in float32.

    Attributes
    ----------
    size, dimension : int
        Entries K, and their length D.
    carries_gradient : bool
        Whether :meth:`quantise` is differentiable with respect to the latents by itself;
        else the caller passes the gradient straight through.
    """

    carries_gradient: ClassVar[bool] = False

    def __init__(self, size: int, dimension: int) -> None:
        super().__init__()
        self.size = size
        self.dimension = dimension

    @abstractmethod
    def choose(self, z_ND: Tensor) -> Tensor:
        """Codes ``(N,)``, int64, of latents ``(N, D)``."""

    @abstractmethod
    def look_up(self, codes_N: Tensor) -> Tensor:
        """Entries ``(N, D)`` of codes ``(N,)``."""

    def quantise(self, z_ND: Tensor) -> tuple[Tensor, Tensor]:
        """Entries and codes of latents."""
        codes_N = self.choose(z_ND.detach())
        return self.look_up(codes_N), codes_N

    def prepare(self, z_ND: Tensor) -> None:
        """Called with latents before each training step, on all ranks."""

    def learn(self, z_ND: Tensor, codes_N: Tensor) -> None:
        """Called with latents and their codes after each training step, on all ranks."""

    def codebook_loss(self, z_ND: Tensor, quantised_ND: Tensor) -> Tensor:
        """First term of equation 4, mean over elements; zero where no gradient is needed."""
        return z_ND.new_zeros(())

    def commitment(self, z_ND: Tensor, quantised_ND: Tensor) -> Tensor:
        """Second term of equation 4 without its weight, mean over elements."""
        return (z_ND - quantised_ND.detach()).square().mean()


class VectorCodebook(Codebook):
    """Base of codebooks with free entries, started by k-means on the first real latents.

    Parameters
    ----------
    size, dimension : int
        Entries K, and their length D.
    start : bool
        Start by k-means at the first training step; else from N(0, 1) as the authors do.
    """

    entries: Tensor
    started: Tensor

    def __init__(self, size: int, dimension: int, start: bool = True) -> None:
        super().__init__(size, dimension)
        self.register_buffer("started", torch.tensor(not start))

    def choose(self, z_ND: Tensor) -> Tensor:
        """Codes of the nearest entries, the lowest index where two are equally near."""
        return nearest(z_ND, self.entries.detach())

    def look_up(self, codes_N: Tensor) -> Tensor:
        """Rows of the codebook."""
        return self.entries[codes_N]

    @torch.no_grad()
    def prepare(self, z_ND: Tensor) -> None:
        """Start by k-means, once, on latents of the first rank; the others take it over."""
        if bool(self.started):
            return
        fresh = torch.zeros(self.size, self.dimension + 1, device=z_ND.device)
        if is_first_rank():
            sample = _drawn(z_ND, START_POINTS_PER_ENTRY * self.size)
            clusters = k_means(sample, self.size)
            counts_K = clusters.counts_K * (z_ND.shape[0] / sample.shape[0])
            fresh = torch.cat((clusters.centres_KD, counts_K[:, None]), dim=1)
        fresh = from_first_rank(fresh)
        self._take_start(fresh[:, :-1], fresh[:, -1] * world_size())
        self.started.fill_(True)

    @torch.no_grad()
    def start_on(self, z_ND: Tensor, latents_a_step: float) -> None:
        """Start by k-means on many batches at once, so that averages go on from there.

        Parameters
        ----------
        z_ND : Tensor
            Latents of many batches.
        latents_a_step : float
            How many of them a training step sees.
        """
        clusters = k_means(_drawn(z_ND, START_POINTS_PER_ENTRY * self.size), self.size)
        share = latents_a_step / float(clusters.counts_K.sum())
        self._take_start(clusters.centres_KD, clusters.counts_K * share)
        self.started.fill_(True)

    def _take_start(self, entries_KD: Tensor, counts_K: Tensor) -> None:
        self.entries.copy_(entries_KD)


class EmaCodebook(VectorCodebook):
    """Entries are ratios of moving averages of sums and counts (equation 5).

    Parameters
    ----------
    size, dimension : int
        Entries K, and their length D.
    decay : float
        gamma of equation 5.
    epsilon : float
        Laplace smoothing of the counts.
    revive_below : float
        An entry whose average count is below this share of the mean count is dead, and so is
        one that was left out while an even share of the latents would have used it 500 times;
        it moves to a latent of the batch, drawn with probability proportional to squared
        error, and its averages start again. 0 leaves dead entries alone.
    start : bool
        Start by k-means.
    warm_up : bool
        Let the decay rise as ``(1 + n) / (10 + n)`` with the step n until it is reached: at
        first the latents move faster than an average over 100 steps can follow.

    Notes
    -----
    Sums and counts are added up over all ranks, and dead entries take turns among the ranks'
    candidates, so that all ranks hold the same codebook. Statistics that are not finite are
    dropped: one bad batch does not destroy a codebook.
    """

    counts: Tensor
    sums: Tensor
    steps: Tensor
    missed: Tensor

    def __init__(
        self,
        size: int,
        dimension: int,
        decay: float = 0.99,
        epsilon: float = 1e-5,
        revive_below: float = 0.01,
        start: bool = True,
        warm_up: bool = True,
    ) -> None:
        super().__init__(size, dimension, start)
        self.decay = decay
        self.epsilon = epsilon
        self.revive_below = revive_below
        self.warm_up = warm_up
        self.register_buffer("entries", torch.randn(size, dimension))
        self.register_buffer("counts", torch.ones(size))
        self.register_buffer("sums", self.entries.clone())
        self.register_buffer("steps", torch.tensor(0.0))
        self.register_buffer("missed", torch.zeros(size))

    def _take_start(self, entries_KD: Tensor, counts_K: Tensor) -> None:
        super()._take_start(entries_KD, counts_K)
        self.counts.copy_(counts_K)
        self.sums.copy_(entries_KD * counts_K[:, None])

    @torch.no_grad()
    def start_on(self, z_ND: Tensor, latents_a_step: float) -> None:
        """As for all vector codebooks; the averages count as warm."""
        super().start_on(z_ND, latents_a_step)
        self.steps.fill_(WARM_UP / (1.0 - self.decay))

    @torch.no_grad()
    def learn(self, z_ND: Tensor, codes_N: Tensor) -> None:
        """Move averages and entries towards a batch, then revive what is dead."""
        batch = torch.zeros_like(self.sums).index_add_(0, codes_N, z_ND)
        numbers = torch.zeros_like(self.counts).index_add_(0, codes_N, torch.ones_like(z_ND[:, 0]))
        packed = sum_over_ranks(torch.cat((batch, numbers[:, None]), dim=1))
        sound = torch.isfinite(packed).all()
        weight = torch.where(sound, self._weight(), 0.0)
        packed = torch.where(sound, packed, 0.0)
        self.steps += 1
        self.missed += packed[:, -1].mean()
        self.missed *= packed[:, -1] == 0
        self.sums.lerp_(packed[:, :-1], weight)
        self.counts.lerp_(packed[:, -1], weight)
        total = self.counts.sum()
        smoothed_K = (self.counts + self.epsilon) / (total + self.size * self.epsilon) * total
        filled_K1 = (self.counts > 0)[:, None]
        self.entries.copy_(torch.where(filled_K1, self.sums / smoothed_K[:, None], self.entries))
        self._revive(z_ND, codes_N)

    def _weight(self) -> Tensor:
        """Share of a batch in the averages."""
        warm = (WARM_UP - 1.0) / (WARM_UP + self.steps)
        least = torch.full_like(warm, 1.0 - self.decay)
        return torch.maximum(warm, least) if self.warm_up else least

    def _revive(self, z_ND: Tensor, codes_N: Tensor) -> None:
        threshold = self.revive_below * self.counts.mean()
        forgotten = (self.missed > PATIENCE) & (self.revive_below > 0)
        dead = torch.nonzero((self.counts < threshold) | forgotten)[:, 0]
        if dead.numel() == 0:
            return
        errors_N = (z_ND - self.entries[codes_N]).square().sum(1)
        errors_N = torch.where(torch.isfinite(errors_N), errors_N, 0.0)
        rows, usable = weighted_draw(errors_N, dead.numel())
        offered = torch.cat((z_ND[rows], usable[:, None].to(z_ND.dtype)), dim=1)
        in_turns = gather_ranks(offered).transpose(0, 1).reshape(-1, self.dimension + 1)
        latents = in_turns[in_turns[:, -1] > 0][: dead.numel(), :-1]
        revived = dead[: latents.shape[0]]
        self.entries[revived] = latents
        self.missed[revived] = 0.0
        self.counts[revived] = REVIVED_OVER_THRESHOLD * threshold
        self.sums[revived] = latents * (REVIVED_OVER_THRESHOLD * threshold)


def _drawn(z_ND: Tensor, most: int) -> Tensor:
    """At most so many rows, at random."""
    return z_ND[torch.randperm(z_ND.shape[0], device=z_ND.device)[:most]]
