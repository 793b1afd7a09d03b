"""Integers of any size: a table-coded bucket, then raw bits (Elias gamma with a learned prefix)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .stream import Decoder, Encoder, TableSet, table_groups

BUCKETS = 24


def bucket_of(magnitudes: NDArray[np.int64]) -> NDArray[np.int64]:
    """``floor(log2(magnitude + 1))`` for magnitudes below ``2**24 - 1``."""
    _, exponent = np.frexp((magnitudes + 1).astype(np.float64))
    return exponent.astype(np.int64) - 1


def write_signed(
    encoder: Encoder, values: NDArray[np.int64], models: TableSet, tables: NDArray[np.int64]
) -> None:
    """Write integers: all buckets, then, bucket by bucket, the low bits with the sign last.

    Parameters
    ----------
    tables : ndarray of int64
        ``(N,)``, table of each bucket.
    """
    magnitudes = np.abs(values)
    buckets = bucket_of(magnitudes)
    encoder.in_order(buckets, tables, models)
    low = (magnitudes + 1 - (np.int64(1) << buckets)) * 2 + (values < 0)
    for bucket, positions in table_groups(buckets):
        encoder.raw(low[positions], bucket + 1)


def read_signed(decoder: Decoder, models: TableSet, tables: NDArray[np.int64]) -> NDArray[np.int64]:
    """Inverse of :func:`write_signed`."""
    buckets = decoder.in_order(tables, models)
    out = np.zeros(len(tables), np.int64)
    for bucket, positions in table_groups(buckets):
        low = decoder.raw(len(positions), bucket + 1)
        magnitudes = (low >> 1) + (1 << bucket) - 1
        out[positions] = np.where(low & 1, -magnitudes, magnitudes)
    return out
