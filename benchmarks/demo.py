"""``make demo``: a real volume through the command line and back, measured and pictured.

The volume is the MNI152 T1 template at 1 mm that nilearn ships inside its wheel; nothing is
downloaded.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path("demo-out")
TEMPLATE = Path("datasets", "data", "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
LARGEST_PERCENT = 0.825
DIFFERENCE_SCALE = 25


def main() -> int:
    """Run the demonstration; the exit code tells whether it kept what is promised."""
    FOLDER.mkdir(exist_ok=True)
    original = FOLDER / "mni152-t1-1mm.nii.gz"
    compressed = FOLDER / "mni152-t1-1mm.vqz"
    decoded = FOLDER / "mni152-t1-1mm-decoded.nii.gz"
    shutil.copyfile(template_path(), original)

    packed = vqz("compress", original, "-o", compressed, "-f")
    vqz("decompress", compressed, "-o", decoded, "-f")
    figures = vqz("compare", original, decoded)
    headers = [nifti_header(path) for path in (original, decoded)]
    picture = FOLDER / "demo.png"
    draw(original, decoded, picture, headline(packed, figures))

    percent = packed["percent_of_float32"]
    small_enough = percent <= LARGEST_PERCENT
    same_header = headers[0] == headers[1]
    print()
    print(f"size      {packed['bytes']} bytes: {percent:.3f} % of float32, {100 / percent:.0f}:1")
    print(f"          {packed['percent_of_stored']:.2f} % of {packed['dtype']}")
    print(f"          {packed['percent_of_source']:.1f} % of the .nii.gz")
    print(f"          {packed['bits_per_voxel']:.3f} bit/voxel")
    print(f"fidelity  PSNR {figures['psnr_foreground']:.2f} dB in the foreground,")
    print(f"          {figures['psnr']:.2f} dB over all voxels")
    print(f"          MS-SSIM {figures['ms_ssim']:.5f}")
    print(f"header    {len(headers[0])} bytes, {'identical' if same_header else 'DIFFERENT'}")
    print(f"picture   {picture}")
    if not small_enough:
        print(f"the file is larger than {LARGEST_PERCENT} % of float32", file=sys.stderr)
    return 0 if small_enough and same_header else 1


def template_path() -> Path:
    """Find nilearn's template without importing nilearn, which takes seconds."""
    package = importlib.util.find_spec("nilearn")
    if package is None or package.submodule_search_locations is None:
        sys.exit("nilearn is not installed: pip install 'vqcodec[demo]'")
    return Path(package.submodule_search_locations[0], TEMPLATE)


def vqz(*arguments: object) -> dict[str, Any]:
    """Run the command line as a user would, and return what it reports."""
    words = [str(argument) for argument in arguments]
    print("$ vqz", *words, flush=True)
    command = [sys.executable, "-m", "vqcodec.cli", *words, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    record: dict[str, Any] = json.loads(done.stdout)
    return record


def nifti_header(path: Path) -> bytes:
    """Everything before the voxels of a compressed NIfTI-1 file."""
    data = gzip.decompress(path.read_bytes())
    offset = int(np.frombuffer(data, "<f4", count=1, offset=108)[0])
    return data[:offset]


def headline(packed: dict[str, Any], figures: dict[str, Any]) -> str:
    """Say in a line what was reached."""
    return (
        f"MNI152 T1, 1 mm: {packed['bytes'] / 1000:.0f} kB, "
        f"{packed['percent_of_float32']:.3f} % of float32, "
        f"{figures['psnr_foreground']:.1f} dB in the foreground, "
        f"MS-SSIM {figures['ms_ssim']:.4f}"
    )


def draw(original: Path, decoded: Path, picture: Path, title: str) -> None:
    """Draw the middle slices of both volumes and their difference."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    before, after = intensities(original), intensities(decoded)
    top = float(before.max())
    limit = top / DIFFERENCE_SCALE
    columns = ("original", "decoded", f"difference x {DIFFERENCE_SCALE}")
    planes = ("sagittal", "coronal", "axial")
    heights = [before.shape[axis] for axis in (2, 2, 1)]
    figure, axes = plt.subplots(3, 3, figsize=(9, 9.6), layout="constrained", height_ratios=heights)
    for row, plane in enumerate(planes):
        place = before.shape[row] // 2
        one, two = (middle_slice(volume, row, place) for volume in (before, after))
        for column, (image, options) in enumerate(
            [
                (one, {"cmap": "gray", "vmin": 0, "vmax": top}),
                (two, {"cmap": "gray", "vmin": 0, "vmax": top}),
                (two - one, {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}),
            ]
        ):
            panel = axes[row, column]
            panel.imshow(image, origin="lower", interpolation="nearest", **options)
            panel.set_xticks([])
            panel.set_yticks([])
            if row == 0:
                panel.set_title(columns[column])
        axes[row, 0].set_ylabel(f"{plane}, slice {place}")
    figure.suptitle(title, fontsize=11)
    figure.savefig(picture, dpi=110)
    plt.close(figure)


def intensities(path: Path) -> NDArray[np.float32]:
    """Read a volume."""
    import nibabel as nib

    return np.asarray(nib.load(path).dataobj, dtype=np.float32)  # type: ignore[attr-defined]


def middle_slice(volume: NDArray[np.float32], axis: int, place: int) -> NDArray[np.float32]:
    """Cut a slice, its second axis upwards."""
    plane: NDArray[np.float32] = np.moveaxis(volume, axis, 0)[place].T
    return plane


if __name__ == "__main__":
    sys.exit(main())
