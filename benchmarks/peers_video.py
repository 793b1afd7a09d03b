"""Video encoders on a volume: every slice a frame, 10 bit luma, through ffmpeg."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

LUMA_TOP = 1023
NEUTRAL_CHROMA = 512
SMALLEST_FRAME = 64


class PeerError(RuntimeError):
    """A peer failed on an array it should have coded."""


@dataclass(frozen=True)
class VideoEncoder:
    """How ffmpeg is asked for one encoder, and what comes out.

    Attributes
    ----------
    encoder : str
        ffmpeg's name of the encoder.
    container : str
        Raw stream format; what a peer is charged for holds no container.
    pixels : str
        ffmpeg pixel format, one luma plane of 10 bit words first.
    chroma : bool
        Whether two quarter-size chroma planes follow the luma.
    options : tuple of str
        Encoder options with ``{setting}`` where the rate factor goes.
    version_pattern : str
        Where the library states its version on stderr.
    threads : int
        Of ffmpeg, which decodes with them; 0 for as many as there are cores.
    """

    encoder: str
    container: str
    pixels: str
    chroma: bool
    options: tuple[str, ...]
    version_pattern: str
    threads: int = 1

    def encode(self, values: NDArray[np.float32], setting: float, axis: int) -> bytes:
        """Code [0, 1] values of shape ``(X, Y, Z)`` with the slices of ``axis`` as frames."""
        frames = luma_frames(values, axis)
        options = [option.format(setting=f"{setting:g}") for option in self.options]
        raw = self._with_chroma(frames).tobytes()
        size = f"{frames.shape[2]}x{frames.shape[1]}"
        source = ("-f", "rawvideo", "-pix_fmt", self.pixels, "-s", size, "-r", "25", "-i", "-")
        sink = (
            "-threads",
            str(self.threads),
            "-c:v",
            self.encoder,
            *options,
            "-f",
            self.container,
            "-",
        )
        return run_ffmpeg([*source, *sink], raw)

    def decode(self, data: bytes, shape: tuple[int, ...], axis: int) -> NDArray[np.float32]:
        """The volume of ``shape`` back from `encode`'s bytes, float32 in [0, 1]."""
        source = ("-threads", str(self.threads), "-f", self.container, "-i", "-")
        raw = run_ffmpeg([*source, "-f", "rawvideo", "-pix_fmt", self.pixels, "-"], data)
        count, height, width = frame_shape(shape, axis)
        planes = np.frombuffer(raw, "<u2").reshape(count, -1)
        luma = planes[:, : height * width].reshape(count, height, width)
        rows, columns = (side for index, side in enumerate(shape) if index != axis)
        slices = luma[:, :rows, :columns].astype(np.float32) / np.float32(LUMA_TOP)
        return np.ascontiguousarray(np.moveaxis(slices, 0, axis))

    def missing(self) -> str | None:
        """Why this encoder cannot be used here, or None."""
        if shutil.which("ffmpeg") is None:
            return "ffmpeg is not installed"
        try:
            self.software()
        except PeerError as error:
            return f"ffmpeg has no working {self.encoder}: {error}"
        return None

    def software(self) -> str:
        """Versions of ffmpeg and of the encoder library, and the options used."""
        threads = "" if self.threads == 1 else f" -threads {self.threads}"
        return f"{ffmpeg_version()}; {library_version(self)}; {' '.join(self.options)}{threads}"

    def _with_chroma(self, frames: NDArray[np.uint16]) -> NDArray[np.uint16]:
        flat = frames.reshape(frames.shape[0], -1)
        if not self.chroma:
            return flat
        neutral = np.full((flat.shape[0], flat.shape[1] // 2), NEUTRAL_CHROMA, flat.dtype)
        return np.concatenate([flat, neutral], axis=1)


def frame_shape(shape: Sequence[int], axis: int) -> tuple[int, int, int]:
    """Frames, rows and columns; rows and columns even and at least 64."""
    rows, columns = (side for index, side in enumerate(shape) if index != axis)
    height, width = (max(side + side % 2, SMALLEST_FRAME) for side in (rows, columns))
    return shape[axis], height, width


def luma_frames(values: NDArray[np.float32], axis: int) -> NDArray[np.uint16]:
    """[0, 1] values as full-range 10 bit frames, edges repeated up to the frame size."""
    levels = np.rint(np.clip(values, 0.0, 1.0) * LUMA_TOP).astype("<u2")
    slices = np.moveaxis(levels, axis, 0)
    _, height, width = frame_shape(values.shape, axis)
    margins = ((0, 0), (0, height - slices.shape[1]), (0, width - slices.shape[2]))
    return np.pad(slices, margins, mode="edge")


def run_ffmpeg(arguments: Sequence[str], data: bytes) -> bytes:
    """Standard output of ffmpeg fed with ``data``."""
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-v", "error", *arguments]
    finished = subprocess.run(command, input=data, capture_output=True, check=False)
    if finished.returncode != 0 or not finished.stdout:
        lines = finished.stderr.decode(errors="replace").strip().splitlines()
        raise PeerError(lines[-1] if lines else "ffmpeg wrote nothing")
    return finished.stdout


@functools.cache
def ffmpeg_version() -> str:
    """First line of ``ffmpeg -version``, shortened."""
    finished = subprocess.run(["ffmpeg", "-version"], capture_output=True, check=True, text=True)
    return " ".join(finished.stdout.split()[:3])


@functools.cache
def library_version(video: VideoEncoder) -> str:
    """Version the encoder library states while it codes one grey frame."""
    size = f"{SMALLEST_FRAME}x{SMALLEST_FRAME}"
    source = ("-f", "lavfi", "-i", f"color=gray:s={size}:d=0.04", "-pix_fmt", video.pixels)
    options = [
        option.format(setting="40").replace("log-level=error:", "") for option in video.options
    ]
    command = ["ffmpeg", "-nostdin", "-hide_banner", *source, "-c:v", video.encoder, *options]
    finished = subprocess.run(
        [*command, "-f", video.container, "-"], capture_output=True, check=False
    )
    said = finished.stderr.decode(errors="replace")
    if finished.returncode != 0:
        raise PeerError(said.strip().splitlines()[-1])
    found = re.search(video.version_pattern, said)
    return f"{video.encoder} {found.group(1) if found else 'of unknown version'}"


SVT_AV1 = VideoEncoder(
    encoder="libsvtav1",
    container="obu",
    pixels="yuv420p10le",
    chroma=True,
    options=("-preset", "4", "-crf", "{setting}", "-g", "999", "-svtav1-params", "lp=1"),
    version_pattern=r"Encoder Lib (v\S+)",
)
#: The same bytes, sooner: for timings beside a codec that uses all cores, too.
SVT_AV1_ALL_CORES = replace(
    SVT_AV1,
    options=tuple(option.replace("lp=1", "lp=0") for option in SVT_AV1.options),
    threads=0,
)
X265 = VideoEncoder(
    encoder="libx265",
    container="hevc",
    pixels="gray10le",
    chroma=False,
    options=(
        *("-preset", "slow", "-tune", "psnr", "-crf", "{setting}"),
        *("-x265-params", "log-level=error:pools=1:frame-threads=1:info=0:keyint=-1"),
    ),
    version_pattern=r"HEVC encoder version (\S+)",
)
