"""VQZ: what :func:`vqcodec.encode` returns and :func:`vqcodec.decode` takes. Torch-free."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from .entropy.frame import Streams
from .errors import FormatError, ModelUnavailableError
from .formats.atomic import write_atomically
from .formats.container import Container, pack, unpack
from .formats.sections import SectionKind, section_name
from .formats.urls import is_url, read_url
from .frame_grids import (
    DecodedFrame,
    EntropyModel,
    decode_frame_grids,
    empty_frame_grids,
    entropy_model,
)
from .frame_sections import check_sections, streams_of
from .grids import Grid, codes_sha256
from .header import Header
from .header_parsing import parse_figures, parse_header
from .model_sources import ModelSource, RegistrySource
from .registry import LoadedModel


@lru_cache(maxsize=4)
def entropy_model_of(model: LoadedModel) -> EntropyModel:
    """Entropy model of loaded weights, built once."""
    return entropy_model(model.family, model.tensors)


@dataclass(frozen=True, eq=False)
class VQZ:
    """A compressed volume.

    Parameters
    ----------
    container : Container
        Checked bytes of the file.
    parsed : Header
        Its header.
    models : ModelSource
        Where its weights come from: the registry, or the archive that it was read from.
    """

    container: Container
    parsed: Header
    models: ModelSource = field(default_factory=RegistrySource)

    @classmethod
    def from_container(cls, container: Container, file_size: int | None = None) -> VQZ:
        """Check a container's header; ``file_size`` in bytes, where it is known.

        Raises
        ------
        FormatError, UnsupportedError, LimitExceededError
        """
        if file_size is None:
            file_size = len(pack(container))
        parsed = parse_header(container.header, file_size)
        check_sections(container, parsed)
        return cls(container, parsed)

    @classmethod
    def from_bytes(cls, data: bytes) -> VQZ:
        """Read a whole file from memory; every checksum is verified.

        Raises
        ------
        FormatError, UnsupportedError, LimitExceededError
        TypeError
            ``data`` is no bytes.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"takes the bytes of a file, not {type(data).__name__}: see VQZ.open")
        return cls.from_container(unpack(bytes(data)), len(data))

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> VQZ:
        """Read a file; every checksum is verified.

        Parameters
        ----------
        path : str or path
            Of a file, or a URL that fsspec reads, such as ``s3://bucket/scan.vqz``.

        Raises
        ------
        OSError
            If it cannot be read.
        FormatError, UnsupportedError, LimitExceededError
        VqzError
            If it is a URL, and what fsspec needs for it is not installed.
        """
        if is_url(path):
            return cls.from_bytes(read_url(os.fspath(path)))
        with Path(path).open("rb") as stream:
            container = unpack(stream)
            return cls.from_container(container, stream.seek(0, io.SEEK_END))

    @property
    def header(self) -> dict[str, Any]:
        """The header as in the file: a JSON object."""
        return self.container.header

    @cached_property
    def figures(self) -> dict[str, Any]:
        """What was measured when the file was written; empty if nothing was."""
        if not self.container.has(SectionKind.FIGURES):
            return {}
        data = self.container.section(SectionKind.FIGURES)
        return parse_figures(data, self.container.is_packed)

    @cached_property
    def _bytes(self) -> bytes:
        return pack(self.container)

    @property
    def nbytes(self) -> int:
        """Bytes of the file."""
        return len(self._bytes)

    @property
    def bits_per_voxel(self) -> float:
        """Bits of the file for each voxel of the volume."""
        return 8 * self.nbytes / math.prod(self.parsed.volume.shape)

    def to_bytes(self) -> bytes:
        """The file."""
        return self._bytes

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write the file, atomically.

        Raises
        ------
        FileExistsError
            If it exists and ``overwrite`` is false.
        OSError
            If it cannot be written; nothing is left behind.
        """
        write_atomically(Path(path), self._bytes, overwrite=overwrite)

    def info(self) -> dict[str, Any]:
        """Header, sizes and figures as one JSON-able object."""
        return {
            "header": self.header,
            "figures": self.figures,
            "bytes": self.nbytes,
            "bits_per_voxel": self.bits_per_voxel,
            "sections": {
                f"{section_name(each.kind)}/{each.frame}": len(each.data)
                for each in self.container.sections
            },
        }

    def streams(self, index: int) -> Streams:
        """Coded streams of a frame; all empty where it is constant."""
        return streams_of(self.container, self.parsed, index)

    def all_streams(self) -> list[Streams]:
        """Coded streams of every frame."""
        return [self.streams(index) for index in range(len(self.parsed.frames))]

    def load_model(self) -> LoadedModel:
        """The weights this file was written with.

        Raises
        ------
        ModelUnavailableError
            If they are not to be had, or are not the same.
        """
        reference = self.parsed.model
        model = self.models.load_model(reference)
        if model.family != self.parsed.family:
            raise ModelUnavailableError(
                f"model {model.id} is of family {model.family}, the file of {self.parsed.family}"
            )
        return model

    def with_models(self, models: ModelSource) -> VQZ:
        """The same file, whose weights come from elsewhere."""
        return replace(self, models=models)

    def check_coder(self, model: EntropyModel) -> None:
        """Refuse a file whose entropy coder is not that of its model.

        Raises
        ------
        FormatError
        """
        if model.entropy_id != self.parsed.entropy:
            raise FormatError(
                f"states entropy coder {self.parsed.entropy!r}, its model is for "
                f"{model.entropy_id!r}"
            )

    def decode_codes(self, model: EntropyModel) -> list[DecodedFrame]:
        """Codes of every frame, held against the hash in the header.

        Raises
        ------
        FormatError
            If the streams cannot have been written with this model, or are not what was.
        """
        self.check_coder(model)
        decoded = [
            decode_frame_grids(model, self.streams(index), frame)
            for index, frame in enumerate(self.parsed.frames)
        ]
        if codes_sha256(frame.grids for frame in decoded) != self.parsed.codes_sha256:
            raise FormatError("decoded codes do not match their hash (file or model is damaged)")
        return decoded

    @cached_property
    def codes(self) -> Mapping[str, Grid]:
        """The uint8 index grids of the first frame, ``(codes, D/f, H/f, W/f)`` each.

        With models of family ``paper`` these are its tokens. Keys are ``fine``, ``middle`` and
        ``coarse``. Decoded, and held against the hash in the header, at first use. For volumes
        of several frames see :meth:`all_codes`.
        """
        return self.all_codes()[0]

    def all_codes(self) -> list[dict[str, Grid]]:
        """The index grids of every frame; empty grids for a constant frame.

        Raises
        ------
        FormatError
            If they are not what was encoded.
        ModelUnavailableError
            If the weights are not to be had.
        """
        if self.parsed.voxels is not None and all(f.is_constant for f in self.parsed.frames):
            return [dict(empty_frame_grids().grids) for _ in self.parsed.frames]
        model = entropy_model_of(self.load_model())
        return [dict(frame.grids) for frame in self.decode_codes(model)]

    def read_region(self, region: Sequence[slice], *, device: str = "auto") -> Any:
        """Decode part of the volume, and what it depends on.

        With models that code the fine level in tiles, the cost goes with the region, but for
        mask, middle and coarse level; with others everything is decoded. The codes' hash is of
        the whole file and is not looked at; the checksums of all sections are.

        Parameters
        ----------
        region : sequence of slice
            One for each spatial axis of the source array, without steps; axes left out at the
            end are whole, and so is everything beyond the third.
        device : str
            Where the networks run.

        Returns
        -------
        ndarray
            Stored values (before slope and intercept), as in the same part of the source. They
            agree with those of a whole decoding to the tolerance of the format.

        Raises
        ------
        ValueError
            The region is empty, has steps or too many axes.
        FormatError, ModelUnavailableError
        """
        from .region import read_region

        return read_region(self, region, device=device)
