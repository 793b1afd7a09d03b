"""Networks and tables of a group of splits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .network import Networks
from .stream import Decoder, Encoder, TableSet
from .tables import CLASSES, LOCATION_CLASSES
from .trellis import Trellis


@dataclass(frozen=True)
class SplitModel:
    """Networks and tables of one group of splits.

    Attributes
    ----------
    networks : Networks
    tables : TableSet
        ``(CLASSES, SYMBOLS)`` or, with a trellis, as many for each of its two quantisers.
    escapes : TableSet
        ``(1, BUCKETS)`` or, one for each class of scale, ``(SCALE_CLASSES, BUCKETS)``.
    is_grouped : bool
        Whether the symbols of a phase are written by ascending table (``context-range-1``)
        instead of in raster order.
    offsets : ndarray of float32 or None
        Shaped like the tables, in steps: how far a coefficient lies on average from its
        codebook entry, towards the sign that its class expects.
    trellis : Trellis or None
        Where labels of two quantisers are coded.
    """

    networks: Networks
    tables: TableSet
    escapes: TableSet
    is_grouped: bool = True
    offsets: NDArray[np.float32] | None = None
    trellis: Trellis | None = None

    def write(
        self, encoder: Encoder, symbols: NDArray[np.int64], tables: NDArray[np.int64]
    ) -> None:
        """Write symbols that each have a table."""
        if self.is_grouped:
            encoder.symbols(symbols, tables, self.tables)
        else:
            encoder.in_order(symbols, tables, self.tables)

    def read(self, decoder: Decoder, tables: NDArray[np.int64]) -> NDArray[np.int64]:
        """Inverse of :meth:`write`."""
        if self.is_grouped:
            return decoder.symbols(tables, self.tables)
        return decoder.in_order(tables, self.tables)

    def escape_tables(self, tables: NDArray[np.int64]) -> NDArray[np.int64]:
        """Escape table of each symbol, from its own table."""
        return np.zeros_like(tables) if self.is_grouped else tables % CLASSES // LOCATION_CLASSES
