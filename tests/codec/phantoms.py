"""Synthetic heads that are coded in a fraction of a second, and the way there and back."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from vqcodec import VQZ, encode
from vqcodec.codec import decode_volume
from vqcodec.formats.volumes import Volume, read_volume_bytes

SHAPE = (26, 30, 28)
AFFINE = np.array([[-1.2, 0, 0.1, 30], [0, 1, 0.2, -40], [0.1, -0.2, 1.1, 7], [0, 0, 0, 1]])


def radius(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Distance from the centre of a grid, 1 at the middle of its faces."""
    sides = [np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape]
    found: NDArray[np.float64] = np.sqrt(sum(x**2 for x in np.meshgrid(*sides, indexing="ij")))
    return found


def head(
    shape: tuple[int, ...] = SHAPE, top: float = 1000, masked: bool = True, seed: int = 3
) -> NDArray[np.float64]:
    """Shells of smooth intensity up to ``top`` with some noise, in a background of zeros."""
    from_centre = radius(shape)
    noise = np.random.default_rng(seed).normal(0, 0.01, shape)
    values = top * np.clip(0.55 + 0.3 * np.cos(8 * from_centre) + noise, 0.05, 1.0)
    if masked:
        values[from_centre > 0.95] = 0
    return np.asarray(values)


def part_of_a_scan(data_root: Path) -> NDArray[Any]:
    """A quarter of a skull-stripped scan of the validation split, its background included."""
    image: Any = nib.load(data_root / "val" / "ds002748_sub-61_T1w.nii.gz")  # type: ignore[attr-defined]
    part: NDArray[Any] = np.asanyarray(image.dataobj[:84, :100, 30:110])
    return part


def nifti(
    array: NDArray[Any], *, slope: float | None = None, inter: float | None = None, **fields: Any
) -> Volume:
    """A NIfTI-1 volume with an extension and, if asked for, scaling and other header fields."""
    header: Any = nib.Nifti1Header(endianness=array.dtype.str[0].replace("|", "<"))
    header.set_data_dtype(array.dtype)
    header.set_data_shape(array.shape)
    header.set_sform(AFFINE, code=2)
    header["descrip"] = b"made for a test"
    header["scl_slope"] = np.nan if slope is None else slope
    header["scl_inter"] = np.nan if inter is None else inter
    for name, value in fields.items():
        header[name] = value
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"kept as it is"))  # type: ignore[no-untyped-call]
    stream = io.BytesIO()
    header.write_to(stream)
    return read_volume_bytes(stream.getvalue() + array.tobytes(order="F"), ".nii")


def there_and_back(volume: Any, **options: Any) -> tuple[VQZ, Volume]:
    """Encode (fast, unless told otherwise), write, read and decode."""
    vqz = encode(volume, device="cpu", **{"effort": 1, **options})
    again = VQZ.from_bytes(vqz.to_bytes())
    return again, decode_volume(again, device="cpu")


def psnr(reference: NDArray[Any], decoded: NDArray[Any]) -> float:
    """PSNR over all finite voxels, relative to the span of the reference."""
    finite = np.isfinite(reference.astype(np.float64))
    ours, theirs = reference[finite].astype(np.float64), decoded[finite].astype(np.float64)
    span = float(ours.max() - ours.min()) or 1.0
    error = float(np.sqrt(np.mean(((ours - theirs) / span) ** 2)))
    return np.inf if error == 0 else -20 * float(np.log10(error))
