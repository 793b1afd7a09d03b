"""The whole path on one page: volume -> VQZ -> volume."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .air import without_air
from .assembly import with_figures
from .coding import coded, without_codes
from .conform import Orientation
from .device import resolve_device, rounded_networks
from .exact import Aim, aim_for, aim_of, decode_voxels, with_voxels
from .figures import compared, measured
from .fitness import check_fitness, fitness_figures
from .formats.sections import SectionKind
from .formats.volumes import (
    Volume,
    image_from_volume,
    read_volume,
    refuse_ct,
    refuse_labels,
    scaled_values,
    scaled_zero,
    volume_from_array,
    volume_from_header_section,
    volume_from_image,
    without_free_text,
)
from .frame_grids import DecodedFrame, code_statistics
from .frames import (
    array_of,
    empty_frame,
    restored_frame,
    whole_background,
)
from .header import ras_shape
from .models.attempt import Attempt
from .models.effort import DEFAULT_EFFORT, effort_of
from .models.families import reconstruct_frame
from .networks import network_on
from .nonfinite import restore_nonfinite
from .rate_control import Budget, budget_of
from .read_back import read_back
from .registry import LoadedModel, load_model
from .vqz import VQZ, entropy_model_of

DEFAULT_RATIO = 0.825


def encode(
    volume: Any,
    *,
    affine: NDArray[np.float64] | None = None,
    model: str | None = None,
    quality: float | None = None,
    ratio: float | None = None,
    target_bytes: int | None = None,
    psnr: float | None = None,
    effort: int = DEFAULT_EFFORT,
    drop_air: bool = False,
    strip: bool = False,
    max_error: float | str | None = None,
    lossless: bool = False,
    device: str | torch.device = "auto",
    force: bool = False,
) -> VQZ:
    """Compress a volume.

    Without ``quality``, ``ratio``, ``target_bytes`` or ``psnr``: a file of at most 0.825 % of the
    volume as float32 (section 2.1 of the paper); see ``effort`` for how much less it may be.

    Parameters
    ----------
    volume : path, nibabel image, ndarray or Volume
        A 3D volume, or a sequence of them along further axes.
    affine : ndarray, optional
        ``(4, 4)`` voxel-to-world matrix in mm, for an ndarray.
    model : str, optional
        Id of a registered model, or the path of a weights file.
    quality : float, optional
        1 to 9: a fixed quantiser step, for about 0.06 to 3 % of a skull-stripped T1 at 1 mm as
        float32; -2 to 20 are allowed. With models of family ``paper``: from one code a site to
        all of them.
    ratio : float, optional
        Largest size of the file, in percent of the volume as float32; it is filled to about a
        percent.
    target_bytes : int, optional
        Largest size of the file, filled likewise.
    psnr : float, optional
        PSNR in the foreground, in dB, as the file's figures state it; met within 0.1 dB. With
        models of family ``paper``: the fewest codes that reach it.
    effort : int, optional
        1 to 9, what the encoder does for a smaller file at the same fidelity: 1 is a dead zone
        only, 5 weighs errors against the bits of the model's own tables, from 7 on what the
        decoder gets wrong is coded anew. From 4 on the finished file is read back, which checks
        it; below, its figures may be of a restoration in lower precision (about 0.001 dB on a scan,
        0.2 % of the largest error), unless a PSNR is asked for. Without a size or quality, up to
        10 % of the default size (14 % at 1, 4 % at 6, 2 % from 7 on) may be left where filling
        them would take another attempt. Decoding is not affected, nor are the codes of models of
        family ``paper``.
    drop_air : bool
        Set the noise in the air around a whole head to zero: smaller files, and voxels outside
        of the head that are not what they were; see :func:`vqcodec.air.air`.
    strip : bool
        Drop names, comments, histories and extensions from the header; see
        :func:`vqcodec.formats.volumes.without_free_text`. Faces stay.
    max_error : float or str, optional
        Every voxel comes back within this error: intensities in the scan's units (after slope
        and intercept), or a percentage of its robust range such as ``"1%"``. The voxels are the
        same on every device and need no network. No codes are stored unless ``quality`` asks for
        them.
    lossless : bool
        Every voxel comes back as it is, likewise; NaN as NaN.
    device : str or torch.device
        Where networks and transform run. What another device than the CPU wrote is read back by
        the CPU, at every effort.
    force : bool
        Compress what would be refused: label images, CT, and what comes back as something else
        (see :mod:`vqcodec.fitness`).

    Returns
    -------
    VQZ

    Raises
    ------
    VolumeError
        The volume cannot be read or is refused.
    LimitExceededError
        No file as small, or as faithful, as asked for is possible.
    ModelUnavailableError
        There is no such model.
    ValueError
        More than one of ``quality``, ``ratio``, ``target_bytes`` and ``psnr``, or one or
        ``effort`` out of range; ``max_error`` or ``lossless`` with anything but ``quality``.
    """
    source = as_volume(volume, affine)
    if strip:
        source, _ = without_free_text(source)
    settings = effort_of(effort)
    budget = budget_of(quality, ratio, target_bytes, psnr, DEFAULT_RATIO, source.array.size)
    if max_error is not None or lossless:
        if drop_air or not (budget.is_default or quality is not None):
            raise ValueError(
                "max_error and lossless keep every voxel; they exclude ratio, target_bytes, psnr "
                "and drop_air"
            )
        aim_of(max_error, lossless)
        aim = Aim(0.0) if max_error is None else aim_for(source, max_error)
        if not force and not aim.is_lossless and aim.max_error >= abs(source.slope or 1.0):
            refuse_labels(source)
        with_codes = None if quality is None else (budget, effort)
        return _exact(source, aim, load_model(model), with_codes, resolve_device(device))
    if not force:
        refuse_labels(source)
        refuse_ct(source)
    loaded, on = load_model(model), resolve_device(device)
    made = coded(without_air(source) if drop_air else source, loaded, budget, effort, on)
    vqz = VQZ.from_container(made.container)
    # Restoration adds little to what is exact; networks that decode everything must not be rounded,
    # nor may a PSNR that was aimed at be another one in the figures.
    may_round = budget.psnr is None and settings.has_rounded_figures and loaded.family == "wavelet"
    rounding = rounded_networks(on) if may_round else nullcontext()
    with rounding, _checked(vqz, loaded, made, on, settings.is_read_back):
        decoded = decode_volume(vqz, device=on, model=loaded, known=made.decoded)
        pair = compared(scaled_values(source), scaled_values(decoded), scaled_zero(source))
        streams = vqz.all_streams()
        codes = code_statistics(streams, made.decoded) if loaded.family == "wavelet" else None
        figures = measured(pair) | fitness_figures(pair, codes)
    if not force:
        check_fitness(figures)
    return VQZ.from_container(with_figures(made.container, figures))


def _checked(
    vqz: VQZ,
    loaded: LoadedModel,
    made: Attempt,
    device: torch.device,
    is_read_back: bool = False,
) -> AbstractContextManager[None]:
    """Read a file back beside the block, if wanted or if another device than the CPU made it."""
    if is_read_back or device.type != "cpu":
        return read_back(vqz, entropy_model_of(loaded), made.decoded)
    return nullcontext()


def _exact(
    source: Volume,
    aim: Aim,
    loaded: LoadedModel,
    codes: tuple[Budget, int] | None,
    device: torch.device,
) -> VQZ:
    """The file that keeps voxels within a bound, with codes only where they were asked for."""
    if codes is None:
        container = without_codes(source, loaded)
    else:
        made = coded(source, loaded, *codes, device)
        container = made.container
        with _checked(VQZ.from_container(container), loaded, made, device):
            pass
    container, voxels = with_voxels(container, source, aim)
    decoded = scaled_values(replace(source, array=voxels))
    pair = compared(scaled_values(source), decoded, scaled_zero(source))
    return VQZ.from_container(with_figures(container, measured(pair)))


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


def decode_volume(
    vqz: VQZ,
    *,
    device: str | torch.device = "auto",
    model: LoadedModel | None = None,
    known: Sequence[DecodedFrame] | None = None,
) -> Volume:
    """Decompress to stored values with their header; see :func:`decode`.

    Parameters
    ----------
    model : LoadedModel, optional
        The weights the file was written with, where they are at hand.
    known : sequence of DecodedFrame, optional
        What the streams decode to, from whoever wrote them.
    """
    parsed, on = vqz.parsed, resolve_device(device)
    if parsed.voxels is not None:
        section = vqz.container.section(SectionKind.VOLUME_HEADER)
        return volume_from_header_section(section, vqz.header["volume"], decode_voxels(vqz))
    network = network_on(model or vqz.load_model(), on)
    dtype, shape = np.dtype(parsed.volume.dtype), ras_shape(parsed.volume)
    decoded = vqz.decode_codes(network.entropy) if known is None else known

    def frames() -> Iterator[NDArray[Any]]:
        for index, (frame, codes) in enumerate(zip(parsed.frames, decoded, strict=True)):
            if frame.is_constant:
                stored, background = empty_frame(frame, shape, dtype), None
            else:
                x = reconstruct_frame(network, codes, frame, on)
                stored = restored_frame(x.cpu().numpy(), codes.foreground, frame, shape, dtype)
                background = whole_background(codes.foreground, frame, shape)
            if frame.nonfinite:
                section = vqz.container.section(SectionKind.NONFINITE, index)
                mask_model = network.entropy.mask
                restore_nonfinite(stored, section, background, mask_model, frame.nonfinite)
            yield stored

    turn = Orientation(parsed.volume.axes, parsed.volume.flips)
    array = array_of(frames(), parsed.volume.shape, dtype, turn)
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
