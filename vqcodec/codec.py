"""The whole path on one page: volume -> VQZ -> volume."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .assembly import CodedFrame, assemble, coded_at, with_figures
from .conform import Orientation, orientation_of
from .device import resolve_device
from .figures import check_fidelity, measure
from .formats.container import Section, SectionKind, pack
from .formats.volumes import (
    Volume,
    header_section,
    image_from_volume,
    read_volume,
    refuse_labels,
    stored_from_scaled,
    volume_from_array,
    volume_from_header_section,
    volume_from_image,
)
from .frames import (
    PreparedFrame,
    array_of,
    decoded_values,
    frames_of,
    prepare_frame,
    stored_zero,
    whole_background,
)
from .grids import Grid
from .header import ras_shape
from .models.frame_codec import FrameEncoder
from .models.quantise import RateDistortion
from .models.wavelet_family import WaveletModel, reconstruct_frame, wavelet_model
from .nonfinite import encode_nonfinite, restore_nonfinite
from .rate_control import Attempt, budget_of, search_step
from .registry import LoadedModel, load_model
from .vqz import VQZ, frame_grids

DEFAULT_RATIO = 0.825


def encode(
    volume: Any,
    *,
    affine: NDArray[np.float64] | None = None,
    model: str | None = None,
    quality: float | None = None,
    ratio: float | None = None,
    target_bytes: int | None = None,
    device: str | torch.device = "auto",
    force: bool = False,
) -> VQZ:
    """Compress a volume.

    Without ``quality``, ``ratio`` or ``target_bytes``: the best quality whose whole file is at
    most 0.825 % of the volume as float32 (section 2.1 of the paper).

    Parameters
    ----------
    volume : path, nibabel image, ndarray or Volume
        A 3D volume, or a sequence of them along further axes.
    affine : ndarray, optional
        ``(4, 4)`` voxel-to-world matrix in mm, for an ndarray.
    model : str, optional
        Id of a registered model, or the path of a weights file.
    quality : float, optional
        1 to 9 (finer steps beyond are allowed): a fixed quantiser step.
    ratio : float, optional
        Largest size of the file, in percent of the volume as float32.
    target_bytes : int, optional
        Largest size of the file.
    device : str or torch.device
        Where the transform runs.
    force : bool
        Compress what would be refused: label images, and what comes back badly.

    Returns
    -------
    VQZ

    Raises
    ------
    VolumeError
        The volume cannot be read or is refused.
    LimitExceededError
        No file as small as asked for is possible.
    ModelUnavailableError
        There is no such model.
    ValueError
        More than one of ``quality``, ``ratio`` and ``target_bytes``, or one out of range.
    """
    source = as_volume(volume, affine)
    budget = budget_of(quality, ratio, target_bytes, DEFAULT_RATIO, source.array.size)
    if not force:
        refuse_labels(source)
    loaded = load_model(model)
    network = _network(loaded)
    orientation = orientation_of(source.affine)
    zero = stored_zero(source)
    prepared = [prepare_frame(frame, zero) for frame in frames_of(source.array, orientation)]
    on = resolve_device(device)
    encoders = [
        None
        if frame.description.is_constant
        else FrameEncoder(network, frame.x_DHW, frame.foreground, on, RateDistortion())
        for frame in prepared
    ]
    fixed = _fixed_sections(source, prepared, network)

    def attempt(step_index: int) -> Attempt:
        frames = [
            CodedFrame(frame.description)
            if encoder is None
            else coded_at(frame.description, step_index, *encoder.encode(step_index))
            for frame, encoder in zip(prepared, encoders, strict=True)
        ]
        container = assemble(source, orientation, loaded, frames, fixed)
        return Attempt(container, len(pack(container)))

    def significant(step: float) -> int:
        return sum(encoder.significant(step) for encoder in encoders if encoder)

    container = search_step(attempt, significant, budget).container
    figures = measure(source, decode_volume(VQZ.from_bytes(pack(container)), device=on))
    if not force:
        check_fidelity(figures)
    return with_figures(container, figures)


def decode(vqz: VQZ | str | os.PathLike[str], *, device: str | torch.device = "auto") -> Any:
    """Decompress a volume.

    Parameters
    ----------
    vqz : VQZ or path

    Returns
    -------
    nibabel image or ndarray
        An image of the class, header, affine and stored type of the source; an ndarray where
        the source was one.

    Raises
    ------
    FormatError, UnsupportedError, LimitExceededError, ModelUnavailableError
    """
    opened = vqz if isinstance(vqz, VQZ) else VQZ.open(vqz)
    volume = decode_volume(opened, device=device)
    return volume.array if volume.format == "npy" else image_from_volume(volume)


def decode_volume(vqz: VQZ, *, device: str | torch.device = "auto") -> Volume:
    """Decompress to stored values with their header; see :func:`decode`."""
    parsed = vqz.parsed
    network = _network(vqz.load_model())
    on = resolve_device(device)
    dtype = np.dtype(parsed.volume.dtype)
    grids: list[dict[str, Grid]] = []

    def frames() -> Iterator[NDArray[Any]]:
        for index, frame in enumerate(parsed.frames):
            decoded = vqz.decode_frame(index, network.entropy)
            grids.append(frame_grids(decoded, frame))
            shape = ras_shape(parsed.volume)
            if decoded is None:
                values = np.full(shape, frame.offset, np.float64)
                background = None
            else:
                x = reconstruct_frame(
                    network, decoded.coefficients, frame.step_index, decoded.foreground, on
                )
                values = decoded_values(x.cpu().numpy(), decoded.foreground, frame, shape, dtype)
                background = whole_background(decoded.foreground, frame, shape)
            if frame.nonfinite:
                section = vqz.container.section(SectionKind.NONFINITE, index)
                mask_model = network.entropy.mask
                restore_nonfinite(values, section, background, mask_model, frame.nonfinite)
            yield stored_from_scaled(values, dtype, None, None)

    turn = Orientation(parsed.volume.axes, parsed.volume.flips)
    array = array_of(frames(), parsed.volume.shape, dtype, turn)
    vqz.check_codes(grids)
    section = vqz.container.section(SectionKind.VOLUME_HEADER)
    return volume_from_header_section(section, vqz.header["volume"], array)


def as_volume(volume: Any, affine: NDArray[np.float64] | None = None) -> Volume:
    """Whatever :func:`encode` takes, as a Volume.

    Raises
    ------
    VolumeError
    """
    if isinstance(volume, Volume):
        return volume
    if isinstance(volume, (str, os.PathLike)):
        return read_volume(volume)
    if isinstance(volume, np.ndarray):
        return volume_from_array(volume, affine)
    return volume_from_image(volume)


@lru_cache(maxsize=4)
def _network(loaded: LoadedModel) -> WaveletModel:
    return wavelet_model(loaded.tensors)


def _fixed_sections(
    source: Volume, prepared: list[PreparedFrame], network: WaveletModel
) -> tuple[Section, ...]:
    sections = [Section(SectionKind.VOLUME_HEADER, 0, header_section(source))]
    for index, frame in enumerate(prepared):
        if frame.nonfinite is not None:
            data = encode_nonfinite(frame.nonfinite, frame.background, network.entropy.mask)
            sections.append(Section(SectionKind.NONFINITE, index, data))
    return tuple(sections)
