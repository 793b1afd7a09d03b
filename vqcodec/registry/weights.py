"""Weights files: safetensors whose metadata hold the configuration. NumPy only, never pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import ModelUnavailableError
from ..formats.atomic import write_atomically
from ..formats.canonical_json import canonical_json
from .identity import identity_of


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model in memory. Nothing in it can be written to, so it is shared freely.

    Attributes
    ----------
    id : str
        Its name.
    sha256 : str
        Its identity, computed from what was loaded.
    family : str
        The network family that runs it.
    config : mapping
        The family's configuration.
    tensors : mapping of str to ndarray
        Weights, codebooks and entropy tables; read-only arrays.
    license, training_data : str
        As the file states them, or empty.
    path : Path
        The file it was read from.
    """

    id: str
    sha256: str
    family: str
    config: Mapping[str, Any]
    tensors: Mapping[str, np.ndarray]
    license: str
    training_data: str
    path: Path


def write_weights(
    path: str | os.PathLike[str],
    tensors: Mapping[str, np.ndarray],
    config: Mapping[str, Any],
    *,
    model_id: str,
    family: str,
    license: str = "",
    training_data: str = "",
    overwrite: bool = False,
) -> str:
    """Write a weights file and return the identity of the model in it.

    The family becomes part of the configuration, and so of the identity; name, licence and
    training data do not.
    """
    from safetensors.numpy import save

    config = {**config, "family": family}
    metadata = {
        "id": model_id,
        "family": family,
        "config": canonical_json(config).decode(),
        "license": license,
        "training_data": training_data,
    }
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    write_atomically(Path(path), save(arrays, metadata=metadata), overwrite=overwrite)
    return identity_of(arrays, config)


def read_weights(path: str | os.PathLike[str]) -> LoadedModel:
    """Read a weights file and compute its identity; unchanged files are read once.

    Raises
    ------
    ModelUnavailableError
        The file is missing, or is not a weights file of this package.
    """
    return _read(*_version_of(Path(path)))


def name_and_identity(path: str | os.PathLike[str]) -> tuple[str, str]:
    """Return the id and the identity of the model in a file, remembered longer than its weights.

    Raises
    ------
    ModelUnavailableError
        The file is missing, or is not a weights file of this package.
    """
    return _name_and_identity(*_version_of(Path(path)))


def _version_of(path: Path) -> tuple[Path, int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise ModelUnavailableError(f"model file {path}: {error.strerror}") from error
    return path, status.st_mtime_ns, status.st_size


@lru_cache(maxsize=1024)
def _name_and_identity(path: Path, modified_ns: int, size: int) -> tuple[str, str]:
    model = _read(path, modified_ns, size)
    return model.id, model.sha256


@lru_cache(maxsize=2)
def _read(path: Path, modified_ns: int, size: int) -> LoadedModel:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelUnavailableError(f"model file {path}: {error.strerror}") from error
    return parse_weights(data, path)


def parse_weights(data: bytes, path: Path) -> LoadedModel:
    """Read the bytes of a weights file and compute the identity of the model in it.

    Parameters
    ----------
    data : bytes
    path : Path
        Where they are from.

    Raises
    ------
    ModelUnavailableError
        They are no weights file of this package.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = {name: _frozen(array) for name, array in load(data).items()}
        metadata = _metadata(data)
        config = json.loads(metadata["config"])
        family = metadata["family"]
        if config["family"] != family:
            raise ValueError("its metadata name two families")
        sha256 = identity_of(tensors, config)
    except (
        SafetensorError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
    ) as error:
        raise ModelUnavailableError(
            f"model file {path}: not a vqcodec weights file ({str(error) or type(error).__name__})"
        ) from error
    return LoadedModel(
        id=metadata.get("id", path.stem),
        sha256=sha256,
        family=family,
        config=MappingProxyType(config),
        tensors=MappingProxyType(tensors),
        license=metadata.get("license", ""),
        training_data=metadata.get("training_data", ""),
        path=path,
    )


def _metadata(data: bytes) -> dict[str, str]:
    """The texts that a safetensors file carries; it was loaded before."""
    length = int.from_bytes(data[:8], "little")
    return dict(json.loads(data[8 : 8 + length]).get("__metadata__", {}))


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
