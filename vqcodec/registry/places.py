"""The places where weights are looked for, in their order."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .index import PACKAGE_FOLDER, ModelEntry, read_index

SEARCH_VARIABLE = "VQZ_MODEL_PATH"


@dataclass(frozen=True)
class Places:
    """Where to look for weights.

    Attributes
    ----------
    entries : tuple of ModelEntry
        The index.
    user : tuple of Path
        Weights files and folders of them that the user named; looked at first.
    package : Path
        Folder of the weights that come with the package; looked at second.
    cache : Path
        Folder of downloaded weights; looked at third, and filled by a download.
    """

    entries: tuple[ModelEntry, ...]
    user: tuple[Path, ...]
    package: Path
    cache: Path

    @classmethod
    def from_environment(cls) -> Places:
        """Take the package's index, ``VQZ_MODEL_PATH`` and the user's cache folder."""
        from platformdirs import user_cache_path

        named = os.environ.get(SEARCH_VARIABLE, "")
        return cls(
            entries=read_index(PACKAGE_FOLDER / "index.json"),
            user=tuple(Path(part).expanduser() for part in named.split(os.pathsep) if part),
            package=PACKAGE_FOLDER / "weights",
            cache=user_cache_path("vqcodec", appauthor=False) / "models",
        )

    def user_files(self) -> tuple[Path, ...]:
        """Weights files under the user's places, each folder's in the order of their names."""
        files: list[Path] = []
        for place in self.user:
            if place.is_dir():
                files.extend(sorted(place.glob("*.safetensors")))
            elif place.is_file():
                files.append(place)
        return tuple(dict.fromkeys(files))

    def entry(self, model_id: str) -> ModelEntry | None:
        """Return the entry of the index with this id."""
        return next((entry for entry in self.entries if entry.id == model_id), None)

    def entry_of_identity(self, sha256: str) -> ModelEntry | None:
        """Return the entry of the index with this identity."""
        return next((entry for entry in self.entries if entry.sha256 == sha256), None)

    def default(self) -> ModelEntry | None:
        """Return the model to compress with when none is named."""
        return next((entry for entry in self.entries if entry.default), None)
