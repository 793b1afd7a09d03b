"""Figures and pictures of held-out scans during training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch

from ..background import solid_background
from .logs import histogram, usage_and_perplexity
from .pack import Pack, PackedScan
from .pictures import draw_reconstruction, pictures_are_possible
from .recipe import Recipe
from .sampling import middle_patches
from .schedule import WeightAverage
from .systems import System

FOREGROUND_THRESHOLD = 0.08


def measure_and_draw(
    system: System,
    average: WeightAverage | None,
    pack: Pack,
    scans: Sequence[PackedScan],
    recipe: Recipe,
    device: torch.device,
    picture: Path | None,
) -> dict[str, float]:
    """PSNR and codebook read-outs on the middle patches of some scans.

    Parameters
    ----------
    average : WeightAverage or None
        Weights to use instead of the network's own.
    picture : Path or None
        PNG of the first patch to write, if matplotlib is installed.

    Returns
    -------
    dict
        ``psnr`` and ``psnr_foreground`` in dB against a range of 1 (means over scans), and
        ``usage_*`` and ``perplexity_*`` of each level over all these patches.
    """
    figures: dict[str, list[float]] = {"psnr": [], "psnr_foreground": []}
    histograms: dict[str, torch.Tensor] = {}
    system.eval()
    try:
        with average.applied_to(system.network) if average is not None else nullcontext():
            for number, x_B1DHW in enumerate(middle_patches(pack, scans, recipe)):
                restored, codes = system.restore(x_B1DHW.to(device))
                original_DHW, restored_DHW = x_B1DHW[0, 0].numpy(), restored[0, 0].cpu().numpy()
                squared = np.square(restored_DHW - original_DHW, dtype=np.float64)
                background = solid_background(original_DHW)
                inside = original_DHW > FOREGROUND_THRESHOLD if background is None else ~background
                figures["psnr"].append(_decibels(squared))
                if inside.any():
                    figures["psnr_foreground"].append(_decibels(squared[inside]))
                for level, codes_BSDHW in codes.items():
                    counts = histogram(codes_BSDHW, system.codebook_size)
                    histograms[level] = histograms.get(level, torch.zeros_like(counts)) + counts
                if picture is not None and number == 0 and pictures_are_possible():
                    picture.parent.mkdir(parents=True, exist_ok=True)
                    title = f"{scans[0].name}: {figures['psnr'][0]:.2f} dB"
                    draw_reconstruction(picture, original_DHW, restored_DHW, title)
    finally:
        system.train()
    row = {name: sum(values) / len(values) for name, values in figures.items() if values}
    row.setdefault("psnr_foreground", row["psnr"])
    for level, counts in histograms.items():
        row[f"usage_{level}"], row[f"perplexity_{level}"] = usage_and_perplexity(counts)
    return row


def _decibels(squared: np.ndarray) -> float:
    return -10 * math.log10(max(float(squared.mean()), 1e-12))
