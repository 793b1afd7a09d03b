"""The pictures of these pages, drawn from real runs: ``python docs/make_figures.py``.

The scan is the MNI152 T1 template at 1 mm from nilearn's wheel (``pip install 'vqcodec[demo]'``).
"""

from __future__ import annotations

import sys
from pathlib import Path

import nibabel as nib
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import matplotlib as mpl  # noqa: E402

import vqcodec  # noqa: E402
from benchmarks.demo import template_path  # noqa: E402

QUALITIES = (1, 3, 5, 7)
SLICE = 95  # axial, through the basal ganglia
ZOOM = (slice(20, 112), slice(70, 162))
DIFFERENCE = 0.05


def main() -> None:
    """Draw ``rates.png``: one slice at several rates, and what is lost."""
    mpl.use("agg")
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


if __name__ == "__main__":
    main()
