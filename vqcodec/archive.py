"""Archives: many compressed scans, their sidecars and the weights that decode them, in one file.

>>> with Archive.create("study.h5") as builder:  # doctest: +SKIP
...     builder.add("sub-01/anat/sub-01_T1w.vqz", vqcodec.encode("sub-01_T1w.nii.gz"))
>>> archive = Archive.open("study.h5")  # doctest: +SKIP
>>> image = vqcodec.decode(archive["sub-01/anat/sub-01_T1w.vqz"])  # doctest: +SKIP

Torch-free. The file is described in formats/VQA.md.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import __version__
from .archive_building import ArchiveBuilder
from .errors import FormatError, ModelUnavailableError
from .formats.archive_names import weights_name
from .formats.archive_opening import append_to_archive, create_archive
from .formats.archive_reading import ArchiveFile
from .formats.archive_tables import VISIBLE, Kind, Member, ScanFacts
from .formats.canonical_json import parse_canonical_json
from .header import ModelReference
from .registry import LoadedModel, parse_weights
from .verification import verify_codes
from .vqz import VQZ

SOFTWARE = f"vqcodec {__version__}"


class Archive(Mapping[str, VQZ]):
    """An archive open for reading: a mapping of names to scans.

    What it held when it was opened stays readable while others append to it. Safe to use from
    several threads; picklable, for it is opened again where it arrives.

    Attributes
    ----------
    path : Path
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open an archive; see :meth:`open`."""
        self.path = Path(path)
        self._file = ArchiveFile(self.path)
        self._models: dict[str, LoadedModel] = {}
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Archive:
        """Open an archive and read its tables.

        Raises
        ------
        OSError
            It cannot be read.
        FormatError, UnsupportedError, LimitExceededError
        """
        return cls(path)

    @staticmethod
    @contextmanager
    def create(path: str | os.PathLike[str], overwrite: bool = False) -> Iterator[ArchiveBuilder]:
        """A new archive. It has its name once the block ended; if the block fails, never.

        Raises
        ------
        FileExistsError
            If it exists and ``overwrite`` is false.
        OSError
            If it cannot be written, or another program is writing to it.
        """
        with create_archive(path, SOFTWARE, overwrite) as writer:
            yield ArchiveBuilder(writer)

    @staticmethod
    @contextmanager
    def append(path: str | os.PathLike[str]) -> Iterator[ArchiveBuilder]:
        """An archive to add to.

        What was added is in the archive, whatever happens next, once
        :meth:`ArchiveBuilder.commit` returned or the block ended; what was added before a block
        failed, and not committed, is not.

        Raises
        ------
        OSError
            It cannot be read or written, or another program is writing to it (``EBUSY``).
        FormatError, UnsupportedError, LimitExceededError
        """
        with append_to_archive(path, SOFTWARE) as writer:
            yield ArchiveBuilder(writer)

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return Archive, (self.path,)

    def close(self) -> None:
        """Close the file. Scans that were read stay usable if their codes were decoded."""
        self._file.close()

    @property
    def _index(self) -> Any:
        return self._file.snapshot.index

    def __iter__(self) -> Iterator[str]:
        return (member.name for member in self._index.of_kind(Kind.SCAN))

    def __len__(self) -> int:
        return len(self._index.scans)

    def __contains__(self, name: object) -> bool:
        member = self._index.find(name, Kind.SCAN) if isinstance(name, str) else None
        return member is not None and member.kind == Kind.SCAN

    def __getitem__(self, name: str) -> VQZ:
        """Read one scan; its checksums are verified, and it decodes with the archive's weights.

        Raises
        ------
        KeyError
            There is no such scan.
        OSError, FormatError, UnsupportedError, LimitExceededError
        """
        if name not in self:
            raise KeyError(name)
        return VQZ.from_bytes(self.read(name)).with_models(self)

    def read(self, name: str) -> bytes:
        """The bytes of a scan or sidecar, held against their checksum.

        Raises
        ------
        KeyError
            There is no such member.
        OSError, FormatError
        """
        return self._file.read(self.member(name))

    def member(self, name: str) -> Member:
        """Kind, size and checksum of a scan or sidecar.

        Raises
        ------
        KeyError
            There is no such member.
        """
        found: Member | None = self._index.find(name, Kind.SCAN)
        if found is None:
            raise KeyError(name)
        return found

    def members(self) -> list[Member]:
        """All scans and sidecars, in the order in which they were added."""
        return list(self._index.of_kind(*VISIBLE))

    def facts(self, name: str) -> ScanFacts:
        """Model and figures of a scan, from the table.

        Raises
        ------
        KeyError
            There is no such scan.
        """
        if name not in self:
            raise KeyError(name)
        facts: ScanFacts = self._index.facts(name)
        return facts

    def figures(self) -> dict[str, NDArray[Any]]:
        """The table of scans as columns: ``name``, ``model``, and one for every figure."""
        table = self._index.scans
        names = self._index.members["name"][table["member"]]
        columns = {"name": np.array([name.decode() for name in names.tolist()], dtype=str)}
        for column in (table.dtype.names or ())[1:]:
            columns[column] = table[column].astype(str) if column == "model" else table[column]
        return columns

    def models(self) -> list[dict[str, Any]]:
        """What was known of the models whose weights are in the archive: id, identity, licence.

        Raises
        ------
        OSError, FormatError
        """
        return [
            parse_canonical_json(self._file.read(member), f"entry {member.name!r}")
            for member in self._index.of_kind(Kind.MODEL_ENTRY)
        ]

    def load_model(self, reference: ModelReference) -> LoadedModel:
        """Weights of the archive, by their identity.

        Raises
        ------
        ModelUnavailableError
            They are not in the archive, or are not the right ones.
        """
        with self._lock:
            if reference.sha256 not in self._models:
                model = parse_weights(self.weights_file(reference), self.path)
                if model.sha256 != reference.sha256:
                    raise ModelUnavailableError(
                        f"{self.path}: the weights of model {reference.id!r} have sha256 "
                        f"{model.sha256}, expected {reference.sha256}"
                    )
                self._models[reference.sha256] = model
            return self._models[reference.sha256]

    def weights_file(self, reference: ModelReference) -> bytes:
        """The weights file of a model.

        Raises
        ------
        ModelUnavailableError
            It is not in the archive.
        OSError, FormatError
        """
        member = self._index.find(weights_name(reference.sha256), Kind.WEIGHTS)
        if member is None:
            raise ModelUnavailableError(
                f"{self.path}: holds no weights of model {reference.id!r} with sha256 "
                f"{reference.sha256}"
            )
        return self._file.read(member)

    def verify(self, name: str) -> dict[str, Any]:
        """Check a member without torch: its checksum; of a scan all checksums, and the codes.

        Raises
        ------
        KeyError
            There is no such member.
        OSError, FormatError, UnsupportedError, LimitExceededError, ModelUnavailableError
        """
        if name not in self:
            self.read(name)
            return {}
        vqz = self[name]
        if self.facts(name).model_sha256 != vqz.parsed.model.sha256:
            raise FormatError(f"the table of scans names another model for {name!r}")
        return verify_codes(vqz)
