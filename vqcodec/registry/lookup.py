"""From a model's name or identity to its weights, checked."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import ModelUnavailableError
from .download import download_weights
from .index import ModelEntry
from .places import SEARCH_VARIABLE, Places
from .weights import LoadedModel, name_and_identity, read_weights


def list_models(places: Places | None = None) -> list[ModelEntry]:
    """List the models of the index, then those in ``VQZ_MODEL_PATH`` that are not in it."""
    places = places or Places.from_environment()
    known = {entry.sha256 for entry in places.entries}
    models = list(places.entries)
    for path in places.user_files():
        try:
            model = read_weights(path)
        except ModelUnavailableError:
            continue
        if model.sha256 not in known:
            known.add(model.sha256)
            models.append(_entry_of_file(model))
    return models


def entry_of_identity(sha256: str) -> ModelEntry | None:
    """Entry of the index with this identity, if there is one."""
    return Places.from_environment().entry_of_identity(sha256)


def load_model(model_id: str | None = None) -> LoadedModel:
    """Load a model by its id, by the path of its weights file, or the default one.

    Raises
    ------
    ModelUnavailableError
        There is no such model, its weights are not here, or they are not the right ones.
    """
    return load_weights(model_id)


def load_weights(
    model: str | os.PathLike[str] | None = None,
    *,
    expected_sha256: str | None = None,
    places: Places | None = None,
) -> LoadedModel:
    """Load a model and make sure that it is the one that was asked for.

    Parameters
    ----------
    model : str, path or None
        An id, the path of a weights file, or None for the default model.
    expected_sha256 : str, optional
        The identity the model must have. It decides: the id is then only a name for messages,
        so that a renamed copy serves and another model of that name does not, and a text that
        looks like a path is none.
    places : Places, optional
        Where to look; by default the package, ``VQZ_MODEL_PATH`` and the user's cache.

    Raises
    ------
    ModelUnavailableError
        There is no such model, its weights are not here, or they are not the right ones.
    """
    places = places or Places.from_environment()
    path = locate_weights(model, expected_sha256=expected_sha256, places=places)
    return read_weights(path)


def locate_weights(
    model: str | os.PathLike[str] | None = None,
    *,
    expected_sha256: str | None = None,
    places: Places | None = None,
) -> Path:
    """Find the file that :func:`load_weights` would load, downloading it if need be.

    A text beside ``expected_sha256`` comes from a file, and is never taken for a path.
    """
    places = places or Places.from_environment()
    if model is not None and _is_path(model, expected_sha256):
        return _checked(Path(model), expected_sha256)
    model_id = None if model is None else str(model)
    if model_id is None and expected_sha256 is None:
        default = places.default()
        if default is None:
            raise ModelUnavailableError("this installation has no default model: name one")
        model_id = default.id
    if expected_sha256 is not None:
        return _locate(model_id, expected_sha256, places)
    entry = places.entry(model_id or "")
    if entry is not None:
        return _locate(model_id, entry.sha256, places)
    return _user_file_named(model_id or "", places)


def _is_path(model: str | os.PathLike[str], expected_sha256: str | None) -> bool:
    if not isinstance(model, str):
        return True
    return expected_sha256 is None and (model.endswith(".safetensors") or os.sep in model)


def _locate(model_id: str | None, sha256: str, places: Places) -> Path:
    """Find the weights of one identity, place by place."""
    passed_over: list[str] = []
    for path in places.user_files():
        try:
            found_id, found = name_and_identity(path)
        except ModelUnavailableError as error:
            passed_over.append(str(error))
            continue
        if found == sha256:
            return path
        if found_id == model_id:
            passed_over.append(f"{path} has sha256 {found}")
    entry = places.entry_of_identity(sha256)
    if entry is not None and (embedded := places.package / entry.weights).is_file():
        return _checked(embedded, sha256, "; reinstall vqcodec")
    cached = places.cache / f"{sha256}.safetensors"
    if cached.is_file():
        try:
            return _checked(cached, sha256)
        except ModelUnavailableError as error:
            passed_over.append(str(error))
    if entry is not None and entry.url is not None:
        return download_weights(entry, cached)
    namesake = places.entry(model_id or "")
    if namesake is not None and namesake.sha256 != sha256:
        passed_over.append(f"the one of this package has sha256 {namesake.sha256}")
    name = "the model" if model_id is None else f"model {model_id!r}"
    note = f" ({'; '.join(passed_over)})" if passed_over else ""
    raise ModelUnavailableError(
        f"{name} with sha256 {sha256} is not here{note}: "
        f"put its weights file into a folder that {SEARCH_VARIABLE} names"
    )


def _checked(path: Path, sha256: str | None, remedy: str = "") -> Path:
    _, found = name_and_identity(path)
    if sha256 not in (None, found):
        raise ModelUnavailableError(
            f"model file {path} has sha256 {found}, expected {sha256}{remedy}"
        )
    return path


def _user_file_named(name: str, places: Places) -> Path:
    found: dict[str, Path] = {}
    for path in places.user_files():
        try:
            found_id, sha256 = name_and_identity(path)
        except ModelUnavailableError:
            continue
        if found_id == name:
            found.setdefault(sha256, path)
    if len(found) > 1:
        paths = ", ".join(map(str, found.values()))
        raise ModelUnavailableError(f"model {name!r} is ambiguous: {paths} differ; give the path")
    if not found:
        ids = ", ".join(entry.id for entry in list_models(places)) or "none"
        raise ModelUnavailableError(f"no model {name!r} (known: {ids})")
    return next(iter(found.values()))


def _entry_of_file(model: LoadedModel) -> ModelEntry:
    return ModelEntry(
        id=model.id,
        sha256=model.sha256,
        family=model.family,
        license=model.license,
        training_data=model.training_data,
        card=None,
        weights=model.path.name,
        size=model.path.stat().st_size,
        source=str(model.path),
    )
