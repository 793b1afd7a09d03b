"""Patches for training: which scan, where and how varied follows from seed and number alone."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..errors import FormatError
from .augmentation import draw_patch
from .failures import TrainingError
from .pack import FloatVolume, Pack, PackedScan
from .recipe import Recipe
from .synthetic import synthetic_patch

ATTEMPTS = 20


@dataclass(frozen=True)
class Batch:
    """Patches ``(B, 1, D, H, W)``, float32, and the scans that could not be read on the way."""

    x_B1DHW: Tensor
    unreadable: tuple[str, ...]


class Patches(Dataset[tuple[FloatVolume, tuple[str, ...]]]):
    """An endless sequence of patches; number n is always the same one.

    Parameters
    ----------
    pack : Pack
    scans : sequence of PackedScan
        Taken once each, in a new random order, before any comes again.
    recipe : Recipe
        Its seed, data and augmentation.
    """

    def __init__(self, pack: Pack, scans: Sequence[PackedScan], recipe: Recipe) -> None:
        self.pack = pack
        self.scans = tuple(scans)
        self.recipe = recipe

    def __getitem__(self, number: int) -> tuple[FloatVolume, tuple[str, ...]]:
        """Patch ``(D, H, W)``, and the names of scans that another one stands in for."""
        data, seed = self.recipe.data, self.recipe.seed
        rng = np.random.default_rng((seed, number))
        if rng.random() < data.synthetic_share:
            return synthetic_patch(data.patch, rng), ()
        round_number, place = divmod(number, len(self.scans))
        order = np.random.default_rng((seed, round_number, len(self.scans))).permutation(
            len(self.scans)
        )
        unreadable: list[str] = []
        for attempt in range(min(ATTEMPTS, len(self.scans))):
            scan = self.scans[order[(place + attempt) % len(self.scans)]]
            read = partial(self.pack.read, scan)
            try:
                patch = draw_patch(
                    read, scan.shape, data.patch, self.recipe.augmentation, rng, scan.masked
                )
            except FormatError:
                unreadable.append(scan.name)
                continue
            return patch, tuple(unreadable)
        raise TrainingError(f"{self.pack.path}: cannot read {', '.join(unreadable)}")


@dataclass(frozen=True)
class Share:
    """The part of every batch that one process works on.

    Attributes
    ----------
    rank, world : int
    """

    rank: int = 0
    world: int = 1

    def numbers(self, first: int, batch_size: int) -> Iterator[list[int]]:
        """Numbers of the patches of each batch, for ever, from a number on."""
        while True:
            following = first + batch_size * self.world
            yield list(range(first + self.rank, following, self.world))
            first = following


def batches(patches: Patches, first: int, share: Share, pin: bool = False) -> Iterator[Batch]:
    """Batches for ever, from the patch numbered ``first`` on.

    Notes
    -----
    Nothing is drawn from a global random generator.
    """
    data = patches.recipe.data
    loader = DataLoader(
        patches,
        batch_sampler=_Numbers(share, first, data.batch_size),
        num_workers=data.workers,
        collate_fn=_collate,
        generator=torch.Generator(),
        pin_memory=pin,
        worker_init_fn=_leave_signals_to_the_parent,
    )
    for x_B1DHW, unreadable in loader:
        yield Batch(x_B1DHW, tuple(unreadable))


def _leave_signals_to_the_parent(worker: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class _Numbers:
    def __init__(self, share: Share, first: int, batch_size: int) -> None:
        self.share, self.first, self.batch_size = share, first, batch_size

    def __iter__(self) -> Iterator[list[int]]:
        return self.share.numbers(self.first, self.batch_size)


def _collate(
    samples: Sequence[tuple[FloatVolume, tuple[str, ...]]],
) -> tuple[Tensor, list[str]]:
    volumes = torch.from_numpy(np.stack([patch for patch, _ in samples])[:, None])
    return volumes, [name for _, names in samples for name in names]


def middle_patches(pack: Pack, scans: Sequence[PackedScan], recipe: Recipe) -> Iterator[Tensor]:
    """The middle patch of each of the first few scans, unvaried, ``(1, 1, D, H, W)``."""
    patch = recipe.data.patch
    for scan in scans[: recipe.data.validation_scans]:
        origin = [(side - width) // 2 for side, width in zip(scan.shape, patch, strict=True)]
        yield torch.from_numpy(np.ascontiguousarray(pack.read(scan, origin, patch)))[None, None]
