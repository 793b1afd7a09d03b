"""Adding to an archive: scans, what lies beside them, and the weights that decode them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .formats.archive_names import entry_name, weights_name
from .formats.archive_tables import Kind, ScanFacts
from .formats.archive_writing import ArchiveWriter
from .formats.canonical_json import canonical_json
from .registry import LoadedModel, entry_of_identity
from .vqz import VQZ


class ArchiveBuilder:
    """Adds to an archive; see :meth:`vqcodec.Archive.create` and ``append``."""

    def __init__(self, writer: ArchiveWriter) -> None:
        """Add by way of a writer."""
        self._writer = writer

    def add(self, name: str, vqz: VQZ | bytes | str | os.PathLike[str]) -> bool:
        """Add a scan, and the weights that decode it unless they are there already.

        Parameters
        ----------
        name : str
            Relative path with ``/`` between its parts.
        vqz : VQZ, bytes or path
            Its bytes are kept as they are. All of its checksums are verified.

        Returns
        -------
        bool
            False if the archive holds the same bytes under this name already.

        Raises
        ------
        FormatError
            It is damaged; the name cannot be one; or another member has it.
        ModelUnavailableError
            The weights are not to be had.
        OSError, UnsupportedError, LimitExceededError
        """
        if isinstance(vqz, VQZ):
            data = vqz.to_bytes()
        else:
            data = vqz if isinstance(vqz, bytes) else Path(vqz).read_bytes()
            vqz = VQZ.from_bytes(data)
        if self._holds(name, Kind.SCAN, data):
            return False
        self._add_model(vqz)
        facts = ScanFacts(vqz.parsed.model.sha256, vqz.figures)
        self._writer.add(name, Kind.SCAN, data, facts)
        return True

    def add_sidecar(self, name: str, data: bytes) -> bool:
        """Add any other file; returns and raises what :meth:`add` does."""
        if self._holds(name, Kind.SIDECAR, data):
            return False
        self._writer.add(name, Kind.SIDECAR, data)
        return True

    def commit(self) -> None:
        """Make what was added part of the archive, safely on the disk.

        See :meth:`vqcodec.Archive.append`.

        Raises
        ------
        OSError
        """
        self._writer.commit()

    def _holds(self, name: str, kind: Kind, data: bytes) -> bool:
        return self._writer.holds(name, kind, data)

    def _add_model(self, vqz: VQZ) -> None:
        reference = vqz.parsed.model
        name = weights_name(reference.sha256)
        if self._writer.find(name, Kind.WEIGHTS) is not None:
            return
        model = vqz.load_model()
        data = vqz.models.weights_file(reference)
        self._writer.add(name, Kind.WEIGHTS, data)
        entry = canonical_json(_entry_of(model, len(data)))
        self._writer.add(entry_name(reference.sha256), Kind.MODEL_ENTRY, entry)


def _entry_of(model: LoadedModel, size: int) -> dict[str, Any]:
    """What the index says of a model, its card included; else what its weights file says."""
    known = entry_of_identity(model.sha256)
    entry = {
        "id": known.id if known else model.id,
        "sha256": model.sha256,
        "family": model.family,
        "license": known.license if known else model.license,
        "training_data": known.training_data if known else model.training_data,
        "size": size,
        "url": known.url if known else None,
        "card": None,
    }
    if known is not None and known.card is not None:
        entry["card"] = known.card.read_text(encoding="utf-8")
    return entry
