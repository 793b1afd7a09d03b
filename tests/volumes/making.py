"""Volume files made by nibabel and NumPy, to read back."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

AFFINE = np.array([[-1.5, 0, 0, 60], [0, 1, 0.25, -70], [0, -0.25, 2, 5], [0, 0, 0, 1]], float)
SINGLES = {"nifti1": nib.Nifti1Image, "nifti2": nib.Nifti2Image, "mgh": nib.MGHImage}
PAIRS = {
    "nifti1-pair": nib.Nifti1Pair,
    "nifti2-pair": nib.Nifti2Pair,
    "analyze": nib.AnalyzeImage,
    "analyze-spm99": nib.Spm99AnalyzeImage,
    "analyze-spm2": nib.Spm2AnalyzeImage,
}


def numbers(shape: tuple[int, ...], dtype: str = "<i2", seed: int = 7) -> NDArray[Any]:
    values = np.random.default_rng(seed).integers(0, 120, shape)
    return np.asarray(values, dtype=dtype)


def nifti_bytes(
    array: NDArray[Any],
    *,
    version: int = 1,
    slope: float = 1.0,
    inter: float = 0.0,
    extensions: tuple[tuple[int, bytes], ...] = (),
    **fields: Any,
) -> bytes:
    """Write a NIfTI file by its specification, with whatever header fields are asked for."""
    header_class = nib.Nifti1Header if version == 1 else nib.Nifti2Header
    header = header_class(endianness=array.dtype.str[0].replace("|", "<"))
    header.set_data_dtype(array.dtype)
    header.set_data_shape(array.shape)
    header.set_sform(AFFINE, code=2)
    header.set_qform(AFFINE, code=1)
    header["scl_slope"], header["scl_inter"] = slope, inter
    for code, content in extensions:
        header.extensions.append(nib.nifti1.Nifti1Extension(code, content))
    stream = io.BytesIO()
    header.write_to(stream)
    raw = bytearray(stream.getvalue())
    for field, value in fields.items():
        place = header.template_dtype.fields[field]
        kind = np.dtype(place[0]).newbyteorder(header.endianness)
        packed = np.asarray(value, kind.base).tobytes()
        raw[place[1] : place[1] + len(packed)] = packed
    return bytes(raw) + array.tobytes(order="F")


def npy_bytes(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def saved(image: Any, path: Path) -> Path:
    image.to_filename(path)
    return path


def unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
