"""Small synthetic scans, one for each good vector, written as files by nibabel or numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.nifti1 import Nifti1Extension
from numpy.typing import NDArray

Array = NDArray[Any]

PLAIN = np.diag([1.0, 1.2, 0.9, 1.0])
TURNED = np.array([[0, 0, -1.1, 8], [-0.9, 0, 0, 5], [0, 1.3, 0, -7], [0, 0, 0, 1.0]])


@dataclass(frozen=True)
class Scan:
    """A source volume and how it is compressed.

    ``exact`` is what keeps the voxels, in place of a quality. ``make`` writes it and returns its
    path; ``error`` is the largest root mean square error
    that the model of the vector may leave, in units of ``scale``.
    """

    name: str
    make: Callable[[Path], Path]
    quality: float
    text: str
    error: float = 0.05
    exact: Mapping[str, Any] | None = None
    effort: int = 5

    @property
    def options(self) -> dict[str, Any]:
        """How it is compressed."""
        if self.exact is not None:
            return dict(self.exact)
        return {"quality": self.quality, "effort": self.effort}


def grid(*shape: int) -> list[Array]:
    """Coordinates of voxel centres, from -1 to 1 along each axis."""
    return list(np.meshgrid(*((2 * np.arange(n) + 1.0) / n - 1 for n in shape), indexing="ij"))


def texture(*shape: int) -> Array:
    """Smooth structure with some detail, 0 to about 1000."""
    z, y, x = grid(*shape)
    waves = np.sin(7 * z + 2) * np.cos(5 * y) + 0.4 * np.sin(19 * x + 8 * z * y)
    return 500 + 260 * waves + 90 * np.cos(31 * y + 17 * x)


def head(*shape: int) -> Array:
    """The same within a lopsided ball, exact zero outside."""
    z, y, x = grid(*shape)
    radius = np.sqrt(z**2 + (y * 1.1) ** 2 + (x + 0.1) ** 2) + 0.08 * np.sin(6 * y + 4 * x)
    return np.where(radius < 0.8, texture(*shape), 0)


def nifti(values: Array, dtype: str, affine: Array = PLAIN, kind: Any = nib.Nifti1Image) -> Any:
    image = kind(values.astype(dtype), affine)
    image.header.set_data_dtype(np.dtype(dtype))
    return image


def saved(image: Any, path: Path) -> Path:
    nib.save(image, path)
    return path


def int16_masked(folder: Path) -> Path:
    return saved(nifti(head(20, 26, 22), "<i2"), folder / "scan.nii.gz")


def float32_whole(folder: Path) -> Path:
    return saved(nifti(texture(17, 20, 18) / 7, "<f4"), folder / "scan.nii")


def frames_4d(folder: Path) -> Path:
    series = np.stack((head(12, 14, 10), np.full((12, 14, 10), 7), texture(12, 14, 10)), axis=-1)
    return saved(nifti(series, "<i2"), folder / "series.nii.gz")


def nonfinite(folder: Path) -> Path:
    values = texture(12, 13, 14)
    values[2:5, 3, 4:9], values[7, 7, 7], values[8:10, 1, 13] = np.nan, np.inf, -np.inf
    return saved(nifti(values, "<f4"), folder / "scan.nii")


def nan_background(folder: Path) -> Path:
    values = head(20, 21, 22)
    values[values == 0] = np.nan
    return saved(nifti(values, ">f8"), folder / "scan.nii.gz")


def big_endian(folder: Path) -> Path:
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(np.dtype(">i2"))
    return saved(nib.Nifti1Image(head(14, 11, 13).astype(">i2"), PLAIN, header), folder / "b.nii")


def mgz(folder: Path) -> Path:
    return saved(nib.MGHImage(head(13, 15, 12).astype(np.float32), PLAIN), folder / "scan.mgz")


def npy(folder: Path) -> Path:
    np.save(folder / "scan.npy", texture(11, 12, 13).astype("<f8"))
    return folder / "scan.npy"


def pair(folder: Path) -> Path:
    image = nib.Nifti1Pair(head(10, 12, 11).astype("<u2"), PLAIN)
    return saved(image, folder / "scan.img")


def one_voxel(folder: Path) -> Path:
    return saved(nifti(np.full((1, 1, 1), 42), "<i2"), folder / "scan.nii")


def one_voxel_inside(folder: Path) -> Path:
    values = np.zeros((9, 8, 7))
    values[4, 5, 6] = 300
    return saved(nifti(values, "<i2"), folder / "scan.nii")


def constant(folder: Path) -> Path:
    return saved(nifti(np.full((150, 150, 150), 3), "|u1"), folder / "scan.nii.gz")


def two_axes(folder: Path) -> Path:
    return saved(nifti(texture(37, 29, 1)[..., 0], "<i2"), folder / "slice.nii")


def thin(folder: Path) -> Path:
    return saved(nifti(texture(1, 67, 3), "<i4"), folder / "line.nii")


def fine_steps(folder: Path) -> Path:
    return saved(nifti(texture(12, 9, 10), "<f4"), folder / "scan.nii")


def turned(folder: Path) -> Path:
    image = nifti(head(12, 15, 13), "<i2", TURNED)
    image.header.set_slope_inter(0.5, -20)
    image.header.extensions.append(Nifti1Extension(6, b"two flips and a turn"))
    return saved(image, folder / "scan.nii.gz")


def nifti_2(folder: Path) -> Path:
    return saved(nifti(texture(10, 11, 9), "<u1", kind=nib.Nifti2Image), folder / "scan.nii.gz")


def balls(folder: Path) -> Path:
    """Two balls at opposite corners; one crosses the sides of four tiles."""
    z, y, x = np.indices((70, 66, 40))
    first = (z - 5) ** 2 + (y - 5) ** 2 + (x - 5) ** 2 < 31
    second = (z - 63) ** 2 + (y - 63) ** 2 + (x - 33) ** 2 < 43
    values = np.where(first | second, texture(70, 66, 40), 0)
    return saved(nifti(values, "<i2"), folder / "scan.nii.gz")


def three_tiles(folder: Path) -> Path:
    return saved(nifti(texture(3, 5, 140), "<i2"), folder / "bar.nii")


def two_ends(folder: Path) -> Path:
    values = texture(2, 3, 200)
    values[..., 4:195] = 0
    return saved(nifti(values, "<f4"), folder / "ends.nii")


def ball(*shape: int) -> Array:
    z, y, x = grid(*shape)
    return np.where(z**2 + y**2 + x**2 < 0.9, texture(*shape), 0)


def ragged(*shape: int) -> Array:
    """A ball with some voxels set to zero, most of them where it is dark."""
    values, draws = ball(*shape), np.random.default_rng(9).random(shape)
    return np.where(draws < np.where(values < 450, 0.025, 0.005), 0, values)


def ragged_ball(folder: Path) -> Path:
    z, y, x = np.indices((70, 66, 40))
    first = (z - 4) ** 2 + (y - 5) ** 2 + (x - 8) ** 2 < 20
    second = (z - 60) ** 2 + (y - 58) ** 2 + (x - 30) ** 2 < 80
    holes = (z * 31 + y * 17 + x * 7) % 97 == 0
    values = np.where((first | second) & ~holes, texture(70, 66, 40), 0)
    return saved(nifti(values, "<i2"), folder / "scan.nii.gz")


def ragged_frames(folder: Path) -> Path:
    series = np.stack((ragged(20, 19, 18), np.full((20, 19, 18), 7), ball(20, 19, 18)), axis=-1)
    return saved(nifti(series, "<i2"), folder / "series.nii.gz")


def ragged_float(folder: Path) -> Path:
    return saved(nifti(ragged(24, 23, 22) / 7, ">f4"), folder / "scan.nii")


def ragged_turned(folder: Path) -> Path:
    image = nifti(ragged(24, 23, 22), "<i2", TURNED)
    image.header.set_slope_inter(0.5, 0)
    return saved(image, folder / "scan.nii.gz")


def sparse(folder: Path) -> Path:
    levels = np.array([-(2**62), 0, 5, 1000, 2**40])
    np.save(folder / "sparse.npy", levels[np.digitize(noisy(8, 9, 10), [1, 450, 550, 650])])
    return folder / "sparse.npy"


def noisy(*shape: int) -> Array:
    """A head with what no one can foresee."""
    values = head(*shape)
    noise = np.random.default_rng(5).integers(0, 90, shape)
    return np.where(values > 0, values + noise, 0)


def exact_turned(folder: Path) -> Path:
    image = nifti(noisy(12, 14, 13), "<i2", TURNED)
    image.header.set_slope_inter(0.5, -20)
    return saved(image, folder / "scan.nii.gz")


def exact_smooth(folder: Path) -> Path:
    return saved(nifti(9 * texture(12, 15, 13), "<i2"), folder / "scan.nii")


def exact_bytes(folder: Path) -> Path:
    return saved(nifti(noisy(15, 14, 13) / 20, "<u1"), folder / "scan.nii")


def exact_float(folder: Path) -> Path:
    return saved(nifti(noisy(13, 14, 12) / 7, ">f4", kind=nib.Nifti1Image), folder / "scan.nii")


def far_apart(folder: Path) -> Path:
    values = texture(4, 5, 6) + 1e-9
    values[1, 2, 3] = -1e100
    return saved(nifti(values, "<f8"), folder / "far.nii")


LOSSLESS = {"lossless": True}
TRELLIS = "coder `context-tiles-2`"
EIGHT = "coder `context-tiles-3`"

SCANS = (
    Scan("int16-masked", int16_masked, 7, "int16 scan whose background is exactly zero"),
    Scan("float32-whole", float32_whole, 7, "float32 scan without background"),
    Scan("4d", frames_4d, 6, "three frames: masked, constant, whole"),
    Scan("nonfinite", nonfinite, 7, "NaN, +Inf and -Inf voxels in places of their own"),
    Scan("nan-background", nan_background, 5, "big-endian float64, NaN exactly in the background"),
    Scan("big-endian", big_endian, 7, "big-endian NIfTI-1"),
    Scan("mgz", mgz, 6, "FreeSurfer MGZ with its footer"),
    Scan("npy", npy, 7, "a NumPy array of float64"),
    Scan("pair", pair, 6, "NIfTI-1 pair of .hdr and .img, uint16"),
    Scan("one-voxel", one_voxel, 7, "a volume of one voxel: constant, no codes"),
    Scan("one-voxel-inside", one_voxel_inside, 7, "one voxel in a background of zeros"),
    Scan("constant", constant, 7, "constant volume so large that its file is padded"),
    Scan("two-axes", two_axes, 7, "a slice: two axes only"),
    Scan("thin", thin, 8, "1x67x3 voxels, int32"),
    Scan(
        "two-stages", fine_steps, 10, "steps so fine that codes of the fine level take two stages"
    ),
    Scan("three-stages", fine_steps, 14, "finer steps: two, two and three stages"),
    Scan("turned", turned, 7, "axes permuted and flipped, slope and intercept, an extension"),
    Scan("nifti2", nifti_2, 7, "NIfTI-2, uint8"),
    Scan("paper-int16-masked", int16_masked, 9, "family `paper`: background of zeros", 0.2),
    Scan("paper-float32-whole", float32_whole, 9, "family `paper`: no background", 0.2),
    Scan("paper-4d", frames_4d, 9, "family `paper`: masked, constant, whole frame", 0.2),
    Scan("paper-nonfinite", nonfinite, 9, "family `paper`: NaN, +Inf and -Inf voxels", 0.2),
    Scan("paper-one-voxel", one_voxel, 9, "family `paper`: a volume of one voxel, no codes"),
    Scan("paper-one-voxel-inside", one_voxel_inside, 9, "family `paper`: one site of codes", 0.2),
    Scan("paper-two-sites", thin, 5, "family `paper`: 1x67x3 voxels, two coarse sites", 0.2),
    Scan("paper-fewer-stages", float32_whole, 1, "family `paper`: one code a site of each", 0.2),
    Scan(
        "tiles-int16-masked", balls, 5, "coder `context-tiles-1`: two balls in 70x66x40, four tiles"
    ),
    Scan("tiles-float32-whole", float32_whole, 7, "coder `context-tiles-1`: no background"),
    Scan("tiles-4d", frames_4d, 6, "coder `context-tiles-1`: masked, constant, whole frame"),
    Scan(
        "tiles-one-voxel", one_voxel, 7, "coder `context-tiles-1`: a volume of one voxel, no codes"
    ),
    Scan(
        "tiles-one-voxel-inside", one_voxel_inside, 7, "coder `context-tiles-1`: one voxel inside"
    ),
    Scan("tiles-thin", three_tiles, 7, "coder `context-tiles-1`: 3x5x140 voxels, three tiles"),
    Scan("tiles-empty-tile", two_ends, 7, "coder `context-tiles-1`: four tiles, one of them empty"),
    Scan("holes-ragged", ragged_ball, 2, "holes: two ragged balls, four tiles"),
    Scan("holes-4d", ragged_frames, 2, "holes: ragged, constant, and without holes", 0.2),
    Scan("holes-coarse-step", ragged_float, 1, "holes: float32, a coarse step", 0.3),
    Scan("holes-fine-step", ragged_float, 6, "holes: a fine step"),
    Scan("holes-turned", ragged_turned, 3, "holes: axes permuted and flipped", 0.2),
    Scan("trellis-int16-masked", balls, 5, f"{TRELLIS}: two balls in 70x66x40, four tiles"),
    Scan("trellis-float32-whole", float32_whole, 7, f"{TRELLIS}: no background"),
    Scan("trellis-4d", frames_4d, 6, f"{TRELLIS}: masked, constant, whole frame"),
    Scan("trellis-one-voxel-inside", one_voxel_inside, 7, f"{TRELLIS}: one voxel inside"),
    Scan("trellis-thin", three_tiles, 7, f"{TRELLIS}: 3x5x140 voxels, three tiles"),
    Scan("trellis-ragged", ragged_float, 1, f"{TRELLIS}: holes", 0.3),
    Scan("trellis-three-stages", fine_steps, 14, f"{TRELLIS}: fine steps, three stages"),
    Scan(
        "trellis-not-ahead",
        balls,
        5,
        f"{TRELLIS}: labels of an encoder that does not look ahead",
        effort=1,
    ),
    Scan("eight-int16-masked", balls, 5, f"{EIGHT}: two balls in 70x66x40, four tiles"),
    Scan("eight-4d", frames_4d, 6, f"{EIGHT}: masked, constant, whole frame"),
    Scan("eight-one-voxel-inside", one_voxel_inside, 7, f"{EIGHT}: one voxel inside"),
    Scan("eight-empty-tile", two_ends, 7, f"{EIGHT}: four tiles, one of them empty"),
    Scan("eight-ragged", ragged_float, 1, f"{EIGHT}: holes", 0.3),
    Scan("eight-nonfinite", nonfinite, 7, f"{EIGHT}: NaN and infinities"),
    Scan("exact-lossless", exact_turned, 0, "lossless: axes turned, slope, mask", 0, LOSSLESS),
    Scan("exact-bytes", exact_bytes, 0, "lossless: uint8", 0, LOSSLESS),
    Scan("exact-4d", frames_4d, 0, "lossless: three frames", 0, LOSSLESS),
    Scan("exact-table", sparse, 0, "lossless: a table of few values of int64", 0, LOSSLESS),
    Scan("exact-plain", far_apart, 0, "lossless: float64 as packed bytes", 0, LOSSLESS),
    Scan("exact-bits", exact_float, 0, "lossless: float32 by their bits", 0, LOSSLESS),
    Scan("exact-one-voxel", one_voxel, 0, "lossless: one voxel", 0, LOSSLESS),
    Scan("exact-bounded", exact_smooth, 0, "int16 within 9", 9, {"max_error": 9}),
    Scan("exact-bounded-float", exact_float, 0, "float32 within 0.7", 0.7, {"max_error": 0.7}),
    Scan("exact-with-codes", thin, 0, "lossless, and codes", 0, {"lossless": True, "quality": 5}),
    Scan("tiles-three-stages", fine_steps, 14, "coder `context-tiles-1`: fine steps, three stages"),
    Scan("packed-int16-masked", int16_masked, 7, "packed: int16, background of zeros"),
    Scan("packed-4d", frames_4d, 6, "packed: three frames: masked, constant, whole"),
    Scan("packed-turned", turned, 7, "packed: axes permuted and flipped, an extension"),
    Scan("packed-paper-nonfinite", nonfinite, 9, "packed: family `paper`, NaN and infinities", 0.2),
    Scan("packed-trellis-ragged", ragged_float, 1, f"packed: {TRELLIS}, holes", 0.3),
    Scan("packed-exact-turned", exact_turned, 0, "packed: lossless", 0, LOSSLESS),
)
