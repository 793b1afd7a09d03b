"""Volumes that come back within a bound, or as they were: the residual section of every frame.

Nothing here is computed in a network, and nothing depends on the device: the voxels are the same
everywhere, and the header holds their hash.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .assembly import padded
from .background import background_value, robust_range
from .conform import Orientation, orientation_of
from .errors import FormatError, VolumeError
from .formats.container import Container
from .formats.preamble import EXACT_FEATURE
from .formats.sections import Section, SectionKind
from .formats.volumes import Volume, scaled_values, scaled_zero, stored_zero
from .frames import array_of, frames_of
from .header import Promise, ras_shape
from .residual.section import decode_frame, encode_frame, largest_bound
from .vqz import VQZ

#: What is left of a bound where whole numbers of the first choice miss it by a rounding.
SHARES = (1.0, 1 - 2.0**-16, 0.9)


@dataclass(frozen=True)
class Aim:
    """How close voxels must come back.

    Attributes
    ----------
    max_error : float
        Of an intensity, in the scan's units; 0 for the same voxels.
    """

    max_error: float

    @property
    def is_lossless(self) -> bool:
        """Whether nothing may be lost."""
        return self.max_error == 0


def aim_of(max_error: float | str | None, lossless: bool) -> Aim | None:
    """What ``encode`` was asked for; a percentage is left to :func:`aim_for`.

    Raises
    ------
    ValueError
        Both at once, or an error that is no positive number.
    """
    if max_error is None:
        return Aim(0.0) if lossless else None
    if lossless:
        raise ValueError("max_error and lossless exclude each other")
    error, _ = _parsed(max_error)
    return Aim(error)


def _parsed(max_error: float | str) -> tuple[float, bool]:
    text = str(max_error).strip()
    is_percent = text.endswith("%")
    try:
        error = float(text.removesuffix("%"))
    except ValueError:
        error = math.nan
    if not 0 < error < math.inf:
        raise ValueError(
            f"max_error {max_error} is not a number above 0, or a percentage such as 1%"
            "; for no error at all there is lossless"
        )
    return error, is_percent


def aim_for(source: Volume, max_error: float | str) -> Aim:
    """The aim of one volume: a percentage is of its robust range."""
    error, is_percent = _parsed(max_error)
    if not is_percent:
        return Aim(error)
    values, zero = scaled_values(source), scaled_zero(source)
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return Aim(error)
    _, scale = robust_range(finite, background_value(finite, zero))
    return Aim(error / 100 * scale)


def with_voxels(container: Container, source: Volume, aim: Aim) -> tuple[Container, NDArray[Any]]:
    """A file with the voxels of a volume, checked as it will be read.

    Parameters
    ----------
    container : Container
        A file without them.

    Returns
    -------
    container : Container
    decoded : ndarray
        The stored values that were read from it.

    Raises
    ------
    VolumeError
        The voxels cannot be kept within the bound.
    """
    for share in SHARES:
        made = _with_sections(container, source, aim, share)
        decoded = decode_voxels(VQZ.from_container(made))
        if is_within(source, decoded, aim):
            return made, decoded
        if aim.is_lossless:
            break
    raise VolumeError(f"cannot be kept within {aim.max_error:g}; please report this")


def _with_sections(container: Container, source: Volume, aim: Aim, share: float) -> Container:
    bound = None if aim.is_lossless else largest_bound(aim.max_error * share, source.slope)
    zero, turn = stored_zero(source), orientation_of(source.affine)
    coded = [
        encode_frame(np.ascontiguousarray(frame), bound, zero)
        for frame in frames_of(source.array, turn)
    ]
    frames = iter([frame.voxels for frame in coded])
    array = array_of(frames, source.array.shape, source.array.dtype, turn)
    promise = Promise(aim.max_error, voxels_sha256(array))
    kept = [each for each in container.sections if each.kind != SectionKind.PADDING]
    sections = [
        Section(SectionKind.RESIDUAL, index, frame.data) for index, frame in enumerate(coded)
    ]
    made = replace(
        container,
        header={**container.header, "voxels": promise.to_json()},
        sections=tuple(sorted((*kept, *sections), key=lambda each: (each.frame, each.kind))),
        incompatible=container.incompatible | EXACT_FEATURE,
    )
    return padded(made, VQZ.from_container(container).parsed)


def decode_voxels(vqz: VQZ) -> NDArray[Any]:
    """Stored values of a whole volume that promises them, held against their hash.

    Raises
    ------
    FormatError
        They are not what was written, or the file does not promise any.
    """
    volume, promise = vqz.parsed.volume, vqz.parsed.voxels
    if promise is None:
        raise FormatError("promises no voxels")
    dtype, shape = np.dtype(volume.dtype), ras_shape(volume)

    def frames() -> Iterator[NDArray[Any]]:
        for index in range(len(vqz.parsed.frames)):
            yield decode_frame(vqz.container.section(SectionKind.RESIDUAL, index), shape, dtype)

    turn = Orientation(volume.axes, volume.flips)
    array = array_of(frames(), volume.shape, dtype, turn)
    if voxels_sha256(array) != promise.sha256:
        raise FormatError("decoded voxels do not match their hash (file is damaged)")
    return array


def voxels_sha256(array: NDArray[Any]) -> str:
    """Hash of stored values in their own type and byte order, last axis fastest."""
    return hashlib.sha256(np.ascontiguousarray(array).data.cast("B")).hexdigest()


def is_within(source: Volume, decoded: NDArray[Any], aim: Aim) -> bool:
    """Whether every voxel is as close as it must be, in float64 after slope and intercept."""
    ours = source.array
    if aim.is_lossless:
        return np.array_equal(ours, decoded, equal_nan=ours.dtype.kind == "f")
    slope, inter = source.slope or 1.0, (source.inter or 0.0) if source.slope else 0.0
    for mine, theirs in zip(_slabs(ours), _slabs(decoded), strict=True):
        same = (mine == theirs) | ((mine != mine) & (theirs != theirs))
        if same.all():
            continue
        with np.errstate(invalid="ignore", over="ignore"):
            first = mine[~same].astype(np.float64) * slope + inter
            second = theirs[~same].astype(np.float64) * slope + inter
            if not np.all(np.abs(first - second) <= aim.max_error):
                return False
    return True


def _slabs(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    flat = array.reshape(-1)
    for start in range(0, flat.size, 1 << 20):
        yield flat[start : start + (1 << 20)]
