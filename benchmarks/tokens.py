"""Rate, distortion and codebooks of the token models, scan by scan.

A token model (network family ``paper``) stores a fixed number of uint8 codes a site. Quality
picks how many: 9 all stages, 1 the first stage of every level. Each scan is encoded at every
quality asked for, to the bytes of a whole file, and decoded from those bytes again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from vqcodec import metrics
from vqcodec.layout import LEVEL_NAMES

from .codebooks import Counts, Grid, Mask, histograms
from .curves import Figures, measured
from .peers import Array
from .scans import PAPER_GRID, Scan

FAMILY = "paper"
WHOLE = 9.0
QUALITIES = (WHOLE, 5.0, 1.0)
PAPER_FLOAT32_BYTES = 4 * int(np.prod(PAPER_GRID))


class NoTokensError(Exception):
    """A model that was asked for is not one of tokens."""


@dataclass(frozen=True, eq=False)
class Tokens:
    """What a file holds.

    Attributes
    ----------
    stages : tuple of int
        Codes a site of the fine, middle and coarse grid.
    sections : mapping of str to int
        Coded bytes of each section: those of the levels by their names.
    foreground : ndarray of bool
        ``(D, H, W)`` of the box that the grids cover.
    grids : mapping of ndarray
        uint8 ``(stages, D/4, H/4, W/4)``, and so on, of the padded box.
    """

    stages: tuple[int, int, int]
    sections: Mapping[str, int]
    foreground: Mask
    grids: Mapping[str, Grid]


@dataclass(frozen=True)
class TokenCodec:
    """A token model under test.

    Attributes
    ----------
    name, identity : str
        Id of the model, and the SHA-256 that tells it from others.
    stages : tuple of int
        Codes a site of the fine, middle and coarse grid with all stages.
    entries : int
        Size of every codebook.
    encode : callable
        ``(values, quality)`` to the bytes of a whole file.
    decode : callable
        Those bytes back to float32 values.
    tokens : callable
        Those bytes to the codes in them.
    """

    name: str
    identity: str
    stages: tuple[int, int, int]
    entries: int
    encode: Callable[[Array, float], bytes]
    decode: Callable[[bytes], Array]
    tokens: Callable[[bytes], Tokens]


@dataclass(frozen=True)
class TokenResult:
    """One model on one scan at one quality.

    Attributes
    ----------
    scan, group, split, model : str
        Subject, data set, split of the manifest, id of the model.
    quality : float
        What was asked for.
    voxels : int
        Of the grid that was measured on.
    stages : tuple of int or None
        Codes a site, fine to coarse.
    nbytes : int or None
        The file, headers included.
    codes, written, coded : mapping of str to int
        By level: codes of the whole grid, those written, and the bytes they take.
    figures : Figures or None
    log_mmd : float or None
        Natural logarithm of the sum of squared errors over the grid.
    encode_seconds, decode_seconds : float or None
    note : str
        Why there are no figures: the codec refused.
    histograms : mapping of ndarray
        Occurrences ``(stages, entries)`` of the written codes.
    """

    scan: str
    group: str
    split: str
    model: str
    quality: float
    voxels: int
    stages: tuple[int, int, int] | None = None
    nbytes: int | None = None
    codes: Mapping[str, int] = field(default_factory=dict)
    written: Mapping[str, int] = field(default_factory=dict)
    coded: Mapping[str, int] = field(default_factory=dict)
    figures: Figures | None = None
    log_mmd: float | None = None
    encode_seconds: float | None = None
    decode_seconds: float | None = None
    note: str = ""
    histograms: Mapping[str, Counts] = field(default_factory=dict, repr=False, compare=False)

    @property
    def raw(self) -> int | None:
        """Bytes of the codes as they are, one each, whole grids."""
        return sum(self.codes.values()) if self.codes else None

    def percent(self, nbytes: int | None) -> float | None:
        """Bytes in percent of the float32 size of the grid."""
        return None if nbytes is None else 100.0 * nbytes / (4 * self.voxels)

    @property
    def percent_paper(self) -> float | None:
        """The file in percent of 192x256x192 float32, for stripped scans that fit it."""
        if self.nbytes is None or self.figures is None or self.figures.ms_ssim_paper is None:
            return None
        return 100.0 * self.nbytes / PAPER_FLOAT32_BYTES

    @property
    def bits_per_voxel(self) -> float | None:
        """Bits of the file for each voxel of the grid."""
        return None if self.nbytes is None else 8.0 * self.nbytes / self.voxels

    def record(self) -> dict[str, Any]:
        """JSON values, without the histograms."""
        values = asdict(self)
        del values["histograms"]
        rates = {
            "raw": self.raw,
            "percent": self.percent(self.nbytes),
            "percent_raw": self.percent(self.raw),
            "percent_paper": self.percent_paper,
            "bits_per_voxel": self.bits_per_voxel,
        }
        return values | rates


def registered() -> list[str]:
    """Ids of all token models of this installation."""
    import vqcodec

    return [entry.id for entry in vqcodec.list_models() if entry.family == FAMILY]


def token_codec(model: str, device: str = "auto") -> TokenCodec:
    """A token model, by its id or the path of its weights.

    Raises
    ------
    NoTokensError
        It is a model of another family.
    ModelUnavailableError
        There is no such model.
    """
    import vqcodec
    from vqcodec.codec import decode_volume
    from vqcodec.vqz import entropy_model_of

    loaded = vqcodec.load_model(model)
    if loaded.family != FAMILY:
        raise NoTokensError(f"model {loaded.id} is of family {loaded.family}, not {FAMILY}")

    def encode(values: Array, quality: float) -> bytes:
        return vqcodec.encode(values, model=model, quality=quality, device=device).to_bytes()

    def decode(data: bytes) -> Array:
        volume = decode_volume(vqcodec.VQZ.from_bytes(data), device=device, model=loaded)
        return np.asarray(volume.array, dtype=np.float32)

    def tokens(data: bytes) -> Tokens:
        vqz = vqcodec.VQZ.from_bytes(data)
        frame = vqz.decode_codes(entropy_model_of(loaded))[0]
        sections = {name.partition("/")[0]: size for name, size in vqz.info()["sections"].items()}
        return Tokens(vqz.parsed.frames[0].stages, sections, frame.foreground, frame.grids)

    fine, middle, coarse = (int(count) for count in loaded.config["stages"])
    entries = int(loaded.config["codebook_size"])
    return TokenCodec(
        loaded.id, loaded.sha256, (fine, middle, coarse), entries, encode, decode, tokens
    )


def measured_tokens(scan: Scan, split: str, codec: TokenCodec, quality: float) -> TokenResult:
    """One model on one scan at one quality."""
    from vqcodec.errors import VqzError

    asked = (scan.name, scan.group, split, codec.name, quality, scan.values.size)
    start = time.perf_counter()
    try:
        data = codec.encode(scan.values, quality)
    except VqzError as error:
        return TokenResult(*asked, note=str(error))
    encoded = time.perf_counter()
    decoded = codec.decode(data)
    done = time.perf_counter()
    held = codec.tokens(data)
    found = histograms(held.foreground, held.grids, codec.entries)
    return TokenResult(
        *asked,
        stages=held.stages,
        nbytes=len(data),
        codes={name: held.grids[name].size for name in LEVEL_NAMES},
        written={name: int(found[name].sum()) for name in LEVEL_NAMES},
        coded={name: held.sections[name] for name in LEVEL_NAMES},
        figures=measured(scan, decoded),
        log_mmd=metrics.log_mmd(scan.values, decoded),
        encode_seconds=encoded - start,
        decode_seconds=done - encoded,
        histograms=found,
    )
