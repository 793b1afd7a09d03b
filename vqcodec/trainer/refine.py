"""Second pass over the training scans: tables and centroids from what the encoder really does.

The encoder's rate-distortion choices change the statistics that the tables were counted on.
Encoding augmented training scans with the current model, counting every coded symbol and
averaging the coefficients behind every codebook entry, brings both up to date. Once the
codebooks stand, the same is done for every class and symbol: the *offsets*.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..entropy.coder import Phase, Quantiser
from ..entropy.escapes import BUCKETS, bucket_of
from ..entropy.groups import GROUPS, group_of
from ..entropy.levels import Look, encode_levels
from ..entropy.split_model import SplitModel
from ..entropy.tables import CLASSES, ESCAPE, SYMBOLS, integer_frequencies, symbols_of
from ..entropy.tiling import Tiling
from ..entropy.trellis import QUANTISERS
from ..grids import ENTRIES, ZERO_ENTRY
from ..layout import SPLITS, step_of
from ..models.quantise import of_phase
from ..models.wavelet_family import WaveletModel
from .context_export import TableCounts, bucket_prior
from .restoration import encoder_of

COUNTED_MAGNITUDES = 16
OFFSET_PRIOR = 200.0
CELLS = CLASSES * SYMBOLS

Renewal = Literal["codebooks", "offsets", "tables"]


@dataclass
class Statistics:
    """What encoding some scans showed.

    Attributes
    ----------
    tables : list of TableCounts
        One per group of splits.
    magnitude_sums, magnitude_counts : ndarray
        ``(6, 16)``: coefficients (in steps) by split and quantised magnitude.
    offset_sums : ndarray
        ``(groups, 2 * CLASSES * SYMBOLS)``: how far coefficients lie from their codebook entries,
        towards the expected sign.
    low_pass : ndarray
        ``(BUCKETS,)`` counts.
    bits : ndarray
        ``(6,)`` ideal bits spent per split.
    """

    tables: list[TableCounts]
    magnitude_sums: NDArray[np.float64] = field(
        default_factory=lambda: np.zeros((SPLITS, COUNTED_MAGNITUDES))
    )
    magnitude_counts: NDArray[np.float64] = field(
        default_factory=lambda: np.zeros((SPLITS, COUNTED_MAGNITUDES))
    )
    offset_sums: NDArray[np.float64] = field(
        default_factory=lambda: np.zeros((len(GROUPS), QUANTISERS * CELLS))
    )
    low_pass: NDArray[np.float64] = field(default_factory=lambda: np.zeros(BUCKETS))
    bits: NDArray[np.float64] = field(default_factory=lambda: np.zeros(SPLITS))

    @classmethod
    def of(cls, model: WaveletModel) -> Statistics:
        """Nothing seen yet of what a model codes."""
        quantisers = QUANTISERS if model.entropy.is_trellis else 1
        return cls([TableCounts.empty(quantisers) for _ in GROUPS])

    def count(
        self,
        split: int,
        group: SplitModel,
        codebook: NDArray[np.float32],
        at: Phase,
        c: NDArray[np.float32],
        values: NDArray[np.int64],
    ) -> None:
        """Add one phase."""
        self.tables[group_of(split)].add_classified(at.classes, values)
        symbols = symbols_of(at.classes.residual(values))
        flat = at.classes.table * SYMBOLS + symbols
        q = at.integers(values)
        entries = codebook[np.clip(q + ZERO_ENTRY, 0, ENTRIES - 1)]
        far = np.where(symbols == ESCAPE, 0, at.classes.sign * (c - entries))
        self.offset_sums[group_of(split)] += np.bincount(flat, far, QUANTISERS * CELLS)
        frequency = group.tables.frequencies[at.classes.table, symbols] / 2.0**24
        self.bits[split] -= np.log2(frequency).sum()
        magnitude = np.abs(q)
        kept = (magnitude > 0) & (magnitude < COUNTED_MAGNITUDES)
        along = np.abs(c[kept]) * np.sign(c[kept]) * np.sign(q[kept])
        self.magnitude_sums[split] += np.bincount(magnitude[kept], along, COUNTED_MAGNITUDES)
        self.magnitude_counts[split] += np.bincount(magnitude[kept], None, COUNTED_MAGNITUDES)

    def offsets(self, group: int) -> NDArray[np.float16]:
        """Mean distance of every class and symbol, in steps; shaped like the tables."""
        counts = self.tables[group].symbols
        sums = self.offset_sums[group].reshape(-1, SYMBOLS)[: len(counts)]
        mean = sums / (counts + OFFSET_PRIOR)
        halved: NDArray[np.float16] = mean.astype(np.float16)
        return halved

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
    statistics: Statistics,
) -> int:
    """Encode one scan, add to the statistics, and return its bytes."""
    encoder = encoder_of(model, x_DHW)
    step = step_of(step_index)
    encoder.transform(model.plain_step(step_index))
    inverse = np.float32(1 / step)
    one_at_a_time = threading.Lock()

    def quantiser(split: int, group: SplitModel, tiling: Tiling, look: Look) -> Quantiser:
        targets = encoder.targets(split, encoder.details, tiling, step)
        codebook = model.codebooks[split]
        choose = encoder.quantiser(split, group, targets, step_index, look)

        def counted(at: Phase) -> NDArray[np.int64]:
            values = choose(at)
            with one_at_a_time:
                statistics.count(split, group, codebook, at, of_phase(targets.scaled, at), values)
            return values

        return counted

    low_pass = np.rint(encoder.low_pass * inverse).astype(np.int32)
    steps = np.abs(np.diff(low_pass.reshape(-1).astype(np.int64), prepend=0))
    statistics.low_pass += np.bincount(bucket_of(steps), minlength=BUCKETS)
    streams, _ = encode_levels(model.entropy, encoder.geometry, step_index, low_pass, quantiser)
    return sum(map(len, streams)) + len(encoder.mask_stream)


def updated(
    tensors: dict[str, NDArray[Any]], statistics: Statistics, renews: Renewal
) -> dict[str, NDArray[Any]]:
    """Tensors brought up to date.

    Parameters
    ----------
    renews : str
        ``"codebooks"``: tables and codebooks. ``"offsets"``: tables and offsets. ``"tables"``:
        tables alone, as means of the present ones and the new; for a model whose restoration was
        trained on what its codebooks and offsets decode to.
    """
    renewed = dict(tensors)
    for group, counts in enumerate(statistics.tables):
        for name, table in zip(("symbols", "escapes"), counts.frequencies(), strict=True):
            full = f"contexts/{group}/{name}"
            both = table.astype(np.float64) + tensors[full]
            renewed[full] = integer_frequencies(both) if renews == "tables" else table
    if renews != "tables":
        low_pass = integer_frequencies((statistics.low_pass + bucket_prior())[None])
        renewed["low_pass/escapes"] = low_pass
    if renews == "codebooks":
        renewed["codebooks"] = statistics.codebooks()
    elif renews == "offsets":
        for group in range(len(GROUPS)):
            renewed[f"contexts/{group}/offsets"] = statistics.offsets(group)
    return renewed
