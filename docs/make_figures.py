"""The pictures of these pages, drawn from real runs: ``python docs/make_figures.py``.

The scan is the MNI152 T1 template at 1 mm from nilearn's wheel (``pip install 'vqcodec[demo]'``).
"""

from __future__ import annotations

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import matplotlib as mpl  # noqa: E402

import vqcodec  # noqa: E402
from benchmarks.demo import template_path  # noqa: E402

QUALITIES = (1, 3, 5, 7)
SLICE = 95  # axial, through the basal ganglia
ZOOM = (slice(20, 112), slice(70, 162))
DIFFERENCE = 0.05
LOW_RATE = 0.2
NOISE = 0.04  # of the range, Rician, as a fast scan has it
LESIONS_MM = (1.0, 1.5, 2.0, 3.0)  # radii
LESION_CONTRAST = 0.3  # of the range, in white matter
SPOTS = 15  # of each radius


def failures() -> None:
    """Draw ``failures.png``: what the default model does worst, on altered templates."""
    image = nib.load(template_path())
    template = np.asarray(image.dataobj, np.float32)
    top = float(np.percentile(template[template > 0], 99.5))
    lesioned, centres = with_lesions(template / top)
    cases = [
        ("fine texture", template / top),
        ("native noise", with_noise(template / top)),
        ("contrast turned over", turned_over(template / top)),
        ("bright spots of 1 to 3 mm", lesioned),
    ]
    rows = []
    for title, values in cases:
        vqz = vqcodec.encode(values, ratio=LOW_RATE, effort=5, force=True)
        decoded = np.asarray(vqcodec.decode(vqz), np.float32)
        note = f"{vqz.figures['psnr_foreground']:.1f} dB"
        rows.append((title, values, decoded, note))
        print(title, vqz.nbytes, vqz.figures, flush=True)
    for radius, centre in zip(LESIONS_MM, centres, strict=True):
        around = tuple(slice(c - 1, c + 2) for c in centre)
        kept = (rows[-1][2] - template / top)[around].mean() / (
            (lesioned - template / top)[around].mean()
        )
        print(f"spot of radius {radius} mm: {100 * kept:.0f} % of its contrast is left")
    draw(rows, "failures.png", axis_of_slice=[SLICE, SLICE, SLICE, centres[0][2]])


def with_noise(values: np.ndarray) -> np.ndarray:
    """The head with Rician noise in all of its voxels, the air kept at zero."""
    chance = np.random.default_rng(0)
    real, imaginary = chance.normal(0, NOISE, (2, *values.shape))
    noisy = np.hypot(values + real, imaginary)
    return np.where(values > 0, noisy, 0).astype(np.float32)


def turned_over(values: np.ndarray) -> np.ndarray:
    """White matter dark and fluid bright, roughly as in a T2-weighted scan."""
    return np.where(values > 0, np.clip(1.1 - values, 0.02, None), 0).astype(np.float32)


def with_lesions(values: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    """Bright balls in white matter, one of each radius, in one axial slice."""
    centres = [(60, 120, SLICE), (64, 88, SLICE), (128, 120, SLICE), (124, 88, SLICE)]
    found = values.copy()
    grid = np.indices(values.shape)
    for radius, centre in zip(LESIONS_MM, centres, strict=True):
        distance = np.sqrt(sum((grid[axis] - centre[axis]) ** 2 for axis in range(3)))
        found += LESION_CONTRAST * np.clip(radius + 0.5 - distance, 0, 1).astype(np.float32)
    return found, centres


def with_spots(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bright balls of every radius, ``SPOTS`` of each, in white matter, and their centres."""
    deep = ndimage.binary_erosion(values > 0.85, iterations=3)
    places = np.argwhere(deep)
    np.random.default_rng(0).shuffle(places)
    found, centres = values.copy(), []
    grid = np.indices(values.shape)
    for place in places:
        if len(centres) == SPOTS * len(LESIONS_MM):
            break
        if all(np.abs(place - other).max() > 12 for other in centres):
            radius = LESIONS_MM[len(centres) % len(LESIONS_MM)]
            distance = np.sqrt(sum((grid[axis] - place[axis]) ** 2 for axis in range(3)))
            found += LESION_CONTRAST * np.clip(radius + 0.5 - distance, 0, 1).astype(np.float32)
            centres.append(place)
    return found, np.array(centres)


def contrast_of_spots() -> None:
    """Print how much of their contrast spots keep at their centres, on average and at least."""
    image = nib.load(template_path())
    template = np.asarray(image.dataobj, np.float32)
    plain = template / float(np.percentile(template[template > 0], 99.5))
    spotted, centres = with_spots(plain)
    at = tuple(centres.T)
    for ratio in (LOW_RATE, 0.35, 0.825):
        decoded = vqcodec.decode(vqcodec.encode(spotted, affine=image.affine, ratio=ratio))
        kept = ((decoded[at] - plain[at]) / LESION_CONTRAST).reshape(SPOTS, len(LESIONS_MM))
        columns = zip(LESIONS_MM, kept.mean(axis=0), kept.min(axis=0), strict=True)
        print(
            ratio, ", ".join(f"{mm:g} mm {mean:.2f} ({least:.2f})" for mm, mean, least in columns)
        )


def draw(rows: list, name: str, axis_of_slice: list[int]) -> None:
    """Original, decoded and difference, a row for each case."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, len(rows), figsize=(2.6 * len(rows), 7.6), layout="constrained")
    for column, ((title, original, decoded, note), place) in enumerate(
        zip(rows, axis_of_slice, strict=True)
    ):
        zoom = (slice(40, 150), slice(60, 170))
        panels = (original, decoded, decoded - original)
        for row, panel in enumerate(panels):
            is_difference = row == 2
            axes[row, column].imshow(
                panel[..., place][zoom].T,
                cmap="RdBu_r" if is_difference else "gray",
                vmin=-0.15 if is_difference else 0,
                vmax=0.15 if is_difference else 1.1,
                origin="lower",
            )
            axes[row, column].set_xticks([])
            axes[row, column].set_yticks([])
        axes[0, column].set_title(title, fontsize=9)
        axes[1, column].set_xlabel(f"decoded, {note}", fontsize=8)
        axes[2, column].set_xlabel("difference, ±15 % of the range", fontsize=8)
    figure.savefig(HERE / "figures" / name, dpi=80)


def rates() -> None:
    """Draw ``rates.png``: one slice at several rates, and what is lost."""
    import matplotlib.pyplot as plt

    image = nib.load(template_path())
    original = np.asarray(image.dataobj, np.float32)
    found = [("original", original, "")]
    for quality in QUALITIES:
        vqz = vqcodec.encode(image, quality=quality, effort=1)
        percent = 100 * vqz.nbytes / (4 * original.size)
        decoded = np.asarray(vqcodec.decode(vqz).dataobj, np.float32)
        psnr = vqz.figures["psnr_foreground"]
        found.append((f"quality {quality}", decoded, f"{percent:.2f} %, {psnr:.1f} dB"))
        print(quality, vqz.nbytes, vqz.figures, flush=True)
    top = float(original.max())
    figure, axes = plt.subplots(
        2, len(found), figsize=(2.3 * len(found), 5), layout="constrained", squeeze=False
    )
    for column, (title, volume, note) in enumerate(found):
        shown = volume[..., SLICE][ZOOM].T
        lost = (volume - original)[..., SLICE][ZOOM].T / top
        axes[0, column].imshow(shown, cmap="gray", vmin=0, vmax=top, origin="lower")
        axes[0, column].set_title(title, fontsize=10)
        axes[0, column].set_xlabel(note, fontsize=8)
        if column:
            axes[1, column].imshow(
                lost, cmap="RdBu_r", vmin=-DIFFERENCE, vmax=DIFFERENCE, origin="lower"
            )
        else:
            axes[1, column].set_axis_off()
            axes[1, column].text(
                0.5, 0.5, f"decoded minus original,\n±{100 * DIFFERENCE:.0f} % of the range",
                ha="center", va="center", fontsize=8, transform=axes[1, column].transAxes,
            )  # fmt: skip
    for each in axes.flat:
        each.set_xticks([])
        each.set_yticks([])
    figure.savefig(HERE / "figures" / "rates.png", dpi=100)


def main() -> None:
    """Draw all of them, and print what becomes of small spots."""
    mpl.use("agg")
    rates()
    failures()
    contrast_of_spots()


if __name__ == "__main__":
    main()
