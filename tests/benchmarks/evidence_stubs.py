"""Stand-ins: a brain of three tissues, a segmenter of thresholds, blur as a codec."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from benchmarks.own_curve import OwnCodec
from benchmarks.peers import Array
from benchmarks.scans import Scan
from benchmarks.segmentation import Labels, Mask, Segmenter

LEVELS = (0.3, 0.6, 0.9)


def brain(name: str = "oasis_1", side: int = 24, seed: int = 0) -> Scan:
    """Shells of CSF, grey and white matter with a little noise, on exact zero."""
    places = np.meshgrid(*[np.linspace(-1, 1, side)] * 3, indexing="ij")
    radius = np.sqrt(sum(place**2 for place in places))
    radius = radius + 0.05 * np.sin(9 * places[0]) * np.sin(8 * places[1])
    values = np.select([radius < 0.5, radius < 0.75, radius < 0.95], LEVELS[::-1], 0.0)
    noise = np.random.default_rng(seed).normal(0, 0.02, values.shape)
    values = np.where(values > 0, np.clip(values + noise, 0.05, 1.0), 0.0).astype(np.float32)
    return Scan(name, name.partition("_")[0], False, values, values > 0)


def thresholds(missing: str | None = None, seen: list[int] | None = None) -> Segmenter:
    """Tissues by intensity alone."""

    def classify(values: Array, inside: Mask) -> Labels:
        if seen is not None:
            seen.append(values.size)
        return (1 + np.digitize(values, (0.45, 0.75))).astype(np.uint8)

    return Segmenter("threshold", classify, lambda: "threshold 1", lambda: missing)


def blurred(values: Array, width: float) -> Array:
    """A volume blurred by a Gaussian of that many voxels."""
    return np.asarray(ndimage.gaussian_filter(values, width), np.float32) if width else values


def blur_codec(width: float, encoded: list[float] | None = None) -> OwnCodec:
    """A codec that blurs, more so at lower rates, and needs a byte a percent times 1000."""
    kept: dict[bytes, Array] = {}

    def encode(values: Array, aim: Mapping[str, float | None]) -> bytes:
        rate = float(aim.get("ratio") or aim.get("quality") or 1)
        if encoded is not None:
            encoded.append(rate)
        data = bytes([len(kept) % 256]) * max(1, int(1000 * rate))
        kept[data] = blurred(values, width)
        return data

    return OwnCodec("vqcodec", encode, kept.__getitem__)
