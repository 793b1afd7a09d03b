"""Second pass over the training scans: tables and centroids from what the encoder really does.

The encoder's rate-distortion choices change the statistics that the tables were counted on.
Encoding augmented training scans with the current model, counting every coded symbol and
averaging the coefficients behind every codebook entry, brings both up to date.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..conform import bounding_box, crop, solid_background
from ..entropy.coder import Phase, SplitModel
from ..entropy.escapes import BUCKETS, bucket_of
from ..entropy.frame import encode_levels
from ..entropy.groups import GROUPS, group_of
from ..entropy.tables import CLASSES, ESCAPE, LARGEST_SYMBOL_VALUE, SYMBOLS, symbols_of
from ..grids import ENTRIES, ZERO_ENTRY
from ..layout import SPLITS, step_of
from ..models.frame_codec import FrameEncoder
from ..models.quantise import RateDistortion, coefficients_of_phase, rate_distortion_quantiser
from ..models.wavelet_family import WaveletModel
from .context_export import TableCounts

COUNTED_MAGNITUDES = 16


@dataclass
class Statistics:
    """What encoding some scans showed.

    Attributes
    ----------
    tables : list of TableCounts
        One per group of splits.
    magnitude_sums, magnitude_counts : ndarray
        ``(6, 16)``: coefficients (in steps) by split and quantised magnitude.
    low_pass : ndarray
        ``(BUCKETS,)`` counts.
    bits : ndarray
        ``(6,)`` ideal bits spent per split.
    """

    tables: list[TableCounts] = field(default_factory=lambda: [TableCounts.empty() for _ in GROUPS])
    magnitude_sums: NDArray[np.float64] = field(
        default_factory=lambda: np.zeros((SPLITS, COUNTED_MAGNITUDES))
    )
    magnitude_counts: NDArray[np.float64] = field(
        default_factory=lambda: np.zeros((SPLITS, COUNTED_MAGNITUDES))
    )
    low_pass: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BUCKETS))
    bits: NDArray[np.float64] = field(default_factory=lambda: np.zeros(SPLITS))

    def count(
        self, split: int, group: SplitModel, at: Phase, c: NDArray[np.float32], q: NDArray[np.int64]
    ) -> None:
        """Add one phase."""
        residual = at.classes.residual(q)
        symbols = symbols_of(residual)
        counts = self.tables[group_of(split)]
        flat = at.classes.table * SYMBOLS + symbols
        counts.symbols += np.bincount(flat, minlength=CLASSES * SYMBOLS).reshape(CLASSES, SYMBOLS)
        excess = np.abs(residual[symbols == ESCAPE]) - LARGEST_SYMBOL_VALUE
        counts.escapes += np.bincount(bucket_of(excess), minlength=BUCKETS)
        frequency = group.tables.frequencies[at.classes.table, symbols] / 2.0**24
        self.bits[split] -= np.log2(frequency).sum()
        magnitude = np.abs(q)
        kept = (magnitude > 0) & (magnitude < COUNTED_MAGNITUDES)
        along = np.abs(c[kept]) * np.sign(c[kept]) * np.sign(q[kept])
        self.magnitude_sums[split] += np.bincount(magnitude[kept], along, COUNTED_MAGNITUDES)
        self.magnitude_counts[split] += np.bincount(magnitude[kept], None, COUNTED_MAGNITUDES)

    def codebooks(self) -> NDArray[np.float32]:
        """First-stage codebooks ``(6, 256)``: mean coefficient behind every entry."""
        entries = np.arange(ENTRIES, dtype=np.float64) - ZERO_ENTRY
        books = np.tile(entries, (SPLITS, 1))
        for magnitude in range(1, COUNTED_MAGNITUDES):
            weight = self.magnitude_counts[:, magnitude]
            mean = (self.magnitude_sums[:, magnitude] + 50 * magnitude) / (weight + 50)
            books[:, ZERO_ENTRY + magnitude] = mean
            books[:, ZERO_ENTRY - magnitude] = -mean
        return books.astype(np.float32)


def gather(
    model: WaveletModel,
    x_DHW: NDArray[np.float32],
    step_index: int,
    settings: RateDistortion,
    statistics: Statistics,
    watch: Callable[[int, Phase, NDArray[np.float32], NDArray[np.int64]], None] | None = None,
) -> int:
    """Encode one scan, add to the statistics, and return its bytes."""
    background = solid_background(x_DHW)
    foreground = np.ones(x_DHW.shape, bool) if background is None else ~background
    box = bounding_box(foreground)
    encoder = FrameEncoder(
        model,
        np.ascontiguousarray(crop(x_DHW, *box)),
        np.ascontiguousarray(crop(foreground, *box)),
        torch.device("cpu"),
        settings,
    )
    encoder.transform(step_of(step_index))
    inverse = np.float32(1 / step_of(step_index))

    def quantiser(split: int, group: SplitModel) -> Callable[[Phase], NDArray[np.int64]]:
        scaled = encoder.details[split] * inverse
        choose = rate_distortion_quantiser(scaled, group, model.codebooks[split], settings)

        def counted(at: Phase) -> NDArray[np.int64]:
            q = choose(at)
            c = coefficients_of_phase(scaled, at)
            statistics.count(split, group, at, c, q)
            if watch:
                watch(split, at, c, q)
            return q

        return counted

    low_pass = np.rint(encoder.low_pass * inverse).astype(np.int32)
    steps = np.abs(np.diff(low_pass.reshape(-1).astype(np.int64), prepend=0))
    statistics.low_pass += np.bincount(bucket_of(steps), minlength=BUCKETS)
    streams, _ = encode_levels(model.entropy, encoder.geometry, step_index, low_pass, quantiser)
    return sum(map(len, streams)) + len(encoder.mask_stream)


def updated(tensors: dict[str, NDArray[Any]], statistics: Statistics) -> dict[str, NDArray[Any]]:
    """Tensors with tables and codebooks renewed."""
    renewed = dict(tensors)
    for group, counts in enumerate(statistics.tables):
        symbols, escapes = counts.frequencies()
        renewed[f"contexts/{group}/symbols"] = symbols
        renewed[f"contexts/{group}/escapes"] = escapes
    low_pass = TableCounts(np.zeros((CLASSES, SYMBOLS)), statistics.low_pass)
    renewed["low_pass/escapes"] = low_pass.frequencies()[1]
    renewed["codebooks"] = statistics.codebooks()
    return renewed
