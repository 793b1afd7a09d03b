"""Codes of many scans, for machine learning: where the scans are, and a cache of what they hold.

Torch-free.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from .archive import Archive
from .errors import FormatError, LimitExceededError, UnsupportedError
from .formats.atomic import write_atomically
from .formats.container import read_prefix
from .grids import Grid, codes_sha256
from .header import Header
from .header_parsing import parse_header
from .layout import LEVEL_NAMES
from .model_sources import RegistrySource
from .registry import LoadedModel
from .vqz import VQZ

Grids = dict[str, Grid]
Scans = Mapping[str, VQZ]


class Folder(Mapping[str, VQZ]):
    """The ``.vqz`` files below a folder, hidden ones aside, by their relative paths.

    Attributes
    ----------
    path : Path
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """List a folder.

        Raises
        ------
        OSError
            There is no such folder.
        """
        self.path = Path(path)
        self._names = dict.fromkeys(_names_below(self.path))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, name: str) -> VQZ:
        """Read one file; its checksums are verified."""
        if name not in self._names:
            raise KeyError(name)
        return VQZ.open(self.path / name)

    def start(self, name: str) -> BinaryIO:
        """A file, open for reading."""
        return (self.path / name).open("rb")


def _names_below(folder: Path) -> Iterator[str]:
    os.scandir(folder).close()
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(".vqz") and not name.startswith("."):
                yield Path(parent, name).relative_to(folder).as_posix()


def scans_in(source: str | os.PathLike[str] | Scans) -> Scans:
    """The scans of a folder, an archive, or any mapping of names to scans.

    Raises
    ------
    OSError, FormatError, UnsupportedError, LimitExceededError
    """
    if isinstance(source, Mapping):
        return source
    return Folder(source) if os.path.isdir(source) else Archive.open(source)


def header_of(scans: Scans, name: str) -> Header:
    """The header of a scan, without reading more than need be.

    Raises
    ------
    OSError, FormatError, UnsupportedError, LimitExceededError
    """
    if isinstance(scans, Folder):
        with scans.start(name) as stream:
            prefix = read_prefix(stream)
    elif isinstance(scans, Archive):
        prefix = read_prefix(io.BytesIO(scans.read(name)))
    else:
        return scans[name].parsed
    return parse_header(prefix.header, prefix.file_size)


@dataclass(frozen=True)
class CodedScan:
    """One scan as far as its header tells.

    Attributes
    ----------
    name : str
    header : Header
    """

    name: str
    header: Header

    @classmethod
    def of(cls, scans: Scans, name: str) -> CodedScan:
        """Read a scan's header; errors name the scan."""
        try:
            return cls(name, header_of(scans, name))
        except (FormatError, UnsupportedError) as error:
            raise type(error)(f"{name}: {error}") from error

    def metadata(self, frame: int) -> dict[str, Any]:
        """What the header says of a frame: numbers and texts, lists of one length each.

        ``shape`` is that of the source; ``origin`` and ``extent`` are the coded box in voxels of
        the RAS frame; a stored value is ``offset + scale * x`` of a decoded x.
        """
        described = self.header.frames[frame]
        return {
            "name": self.name,
            "frame": frame,
            "model": self.header.model.id,
            "shape": list(self.header.volume.shape),
            "axes": list(self.header.volume.axes),
            "flips": list(self.header.volume.flips),
            "origin": list(described.origin),
            "extent": list(described.extent),
            "offset": float(described.offset),
            "scale": float(described.scale),
        }


def model_of(scans: Scans, scan: CodedScan) -> LoadedModel:
    """The model that a scan was written with; of the scan, only the header need be sound.

    Raises
    ------
    ModelUnavailableError
        It is not to be had, or not the same.
    """
    if isinstance(scans, Archive):
        return scans.load_model(scan.header.model)
    if isinstance(scans, Folder):
        return RegistrySource().load_model(scan.header.model)
    return scans[scan.name].load_model()


def codes_of(scans: Scans, scan: CodedScan, cache: Path | None) -> list[Grids]:
    """The grids of every frame of a scan, from the cache if they are there.

    Parameters
    ----------
    cache : Path or None
        Folder of the cache. It holds one file for each set of codes, named by their hash, which
        they are held against.

    Raises
    ------
    OSError, FormatError, UnsupportedError, LimitExceededError, ModelUnavailableError
        Errors of the file name the scan.
    """
    if cache is None:
        return _decoded(scans, scan.name)
    sha256 = scan.header.codes_sha256
    path = cache / sha256[:2] / f"{sha256}.npz"
    found = _cached(path, len(scan.header.frames))
    if found is not None and codes_sha256(found) == sha256:
        return found
    decoded = _decoded(scans, scan.name)
    arrays = {
        f"{index}.{level}": grid
        for index, grids in enumerate(decoded)
        for level, grid in grids.items()
    }
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, stream.getvalue(), overwrite=True)
    return decoded


def _decoded(scans: Scans, name: str) -> list[Grids]:
    try:
        return scans[name].all_codes()
    except (FormatError, UnsupportedError, LimitExceededError) as error:
        raise type(error)(f"{name}: {error}") from error


def _cached(path: Path, frames: int) -> list[Grids] | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return [
                {level: file[f"{index}.{level}"] for level in LEVEL_NAMES}
                for index in range(frames)
            ]
    except (BadZipFile, KeyError, ValueError, EOFError, OSError):
        return None


def default_cache() -> Path:
    """The folder of this user for decoded codes."""
    from platformdirs import user_cache_path

    return user_cache_path("vqcodec", appauthor=False) / "codes"


def codebooks_of(model: LoadedModel) -> dict[str, NDArray[np.float32]]:
    """The codebooks of a token model: ``(codes a site, entries, dimensions)`` of each level.

    The embedding of a site is the sum of the entries that its codes name.

    Raises
    ------
    UnsupportedError
        The model has no codebooks of vectors.
    """
    found = {}
    for level in LEVEL_NAMES:
        entries: list[NDArray[np.float32]] = []
        while (name := f"quantisers.{level}.codebooks.{len(entries)}.entries") in model.tensors:
            entries.append(model.tensors[name].astype(np.float32))
        if not entries:
            raise UnsupportedError(
                f"model {model.id!r} (family {model.family}) has no codebooks of vectors"
            )
        found[level] = np.stack(entries)
    return found


def embedded(codes_SDHW: Grid, codebooks_SKC: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum of the entries that the codes of each site name, ``(C, D, H, W)``."""
    stages = zip(codes_SDHW, codebooks_SKC, strict=False)
    total = sum(entries_KC[codes_DHW] for codes_DHW, entries_KC in stages)
    return np.ascontiguousarray(np.moveaxis(np.asarray(total, np.float32), -1, 0))


def one_model(scans: Sequence[CodedScan]) -> None:
    """Refuse scans of several models: their codes do not mean the same.

    Raises
    ------
    UnsupportedError
    """
    first: dict[str, CodedScan] = {}
    for scan in scans:
        first.setdefault(scan.header.model.sha256, scan)
    if len(first) > 1:
        one, other = list(first.values())[:2]
        raise UnsupportedError(
            f"{one.name} was written with model {one.header.model.id!r}, {other.name} with "
            f"{other.header.model.id!r}: their codes do not mean the same"
        )
