"""vqcodec as the commands call it, and its points on a scan: whole files, decoded again."""

from __future__ import annotations

import hashlib
import inspect
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .curves import Point, measured
from .peers import Array
from .scans import Scan

OURS = "vqcodec"
MODEL_PATH_VARIABLE = "VQZ_MODEL_PATH"
WEIGHTS_SUFFIX = ".safetensors"


class NoEffortError(Exception):
    """An effort of the encoder is asked for, and this version of vqcodec has no such setting."""


@dataclass(frozen=True)
class OwnCodec:
    """The codec under test in one configuration.

    Attributes
    ----------
    name : str
        Name in the tables.
    encode : callable
        ``(values, aim)`` to the bytes of a whole file; float32 values in [0, 1]; ``aim`` is
        ``{"quality": 5}`` or ``{"ratio": 0.35}`` (percent of float32).
    decode : callable
        Those bytes back to float32 values.
    """

    name: str
    encode: Callable[[Array, Mapping[str, float | None]], bytes]
    decode: Callable[[bytes], Array]


def own_codec(
    name: str = OURS,
    *,
    model: str | None = None,
    device: str = "auto",
    effort: int | None = None,
    force: bool = False,
) -> OwnCodec:
    """The codec of this project, whole files through the public functions only.

    Parameters
    ----------
    model : str, optional
        Id, or the path of a weights file; see `findable` for decoding with the latter.
    effort : int, optional
        Passed on where it is given.
    force : bool
        Also write files that come back badly, as those of the lowest rates may.

    Raises
    ------
    NoEffortError
        An effort is asked for, and ``vqcodec.encode`` has none.
    """
    import vqcodec  # a peers-only run needs no codec

    options: dict[str, Any] = {"model": model, "device": device, "force": force}
    if effort is not None:
        default_effort()
        options["effort"] = effort

    def encode(values: Array, aim: Mapping[str, float | None]) -> bytes:
        asked: dict[str, Any] = {**options, **aim}
        return vqcodec.encode(values, **asked).to_bytes()

    def decode(data: bytes) -> Array:
        decoded = vqcodec.decode(vqcodec.VQZ.from_bytes(data), device=device)
        return np.asarray(decoded, dtype=np.float32)

    return OwnCodec(name, encode, decode)


def default_effort() -> Any:
    """The encoder's effort where none is given.

    Raises
    ------
    NoEffortError
        ``vqcodec.encode`` has no such setting.
    """
    import vqcodec

    parameters = inspect.signature(vqcodec.encode).parameters
    if "effort" not in parameters:
        raise NoEffortError("vqcodec.encode has no effort")
    return parameters["effort"].default


def identity_of_model(model: str | None) -> dict[str, str]:
    """Id and SHA-256 of a model, the default one for None.

    Raises
    ------
    ModelUnavailableError
        There is no such model.
    """
    import vqcodec

    loaded = vqcodec.load_model(model)
    return {"id": loaded.id, "sha256": loaded.sha256}


def sources_hash() -> str:
    """SHA-256 of the program measured: figures of another one must not be taken for its own."""
    import vqcodec

    root = Path(vqcodec.__file__).parent
    folders = [root, *(each for each in root.iterdir() if each.is_symlink())]  # rglob stays out
    digest = hashlib.sha256()
    for folder in sorted(folders):
        for path in sorted(folder.resolve().rglob("*.py")):
            name = f"{folder.name}/{path.relative_to(folder.resolve()).as_posix()}"
            digest.update(name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@contextmanager
def findable(model: str | Path | None) -> Iterator[None]:
    """Let files of a model that was named by its path be decoded: it joins the search path."""
    if model is None or not str(model).endswith(WEIGHTS_SUFFIX):
        yield
        return
    before = os.environ.get(MODEL_PATH_VARIABLE)
    places = [str(Path(model).absolute()), *([before] if before else [])]
    os.environ[MODEL_PATH_VARIABLE] = os.pathsep.join(places)
    try:
        yield
    finally:
        if before is None:
            del os.environ[MODEL_PATH_VARIABLE]
        else:
            os.environ[MODEL_PATH_VARIABLE] = before


def coded(
    scan: Scan, encode: Callable[[Array], bytes], decode: Callable[[bytes], Array], setting: float
) -> Point:
    """One file: its size, its times and what came back. Errors of the codec pass through."""
    start = time.perf_counter()
    data = encode(scan.values)
    encoded = time.perf_counter()
    decoded = decode(data)
    done = time.perf_counter()
    return Point(
        setting=setting,
        axis=0,
        nbytes=len(data),
        percent=scan.percent(len(data)),
        encode_seconds=encoded - start,
        decode_seconds=done - encoded,
        figures=measured(scan, decoded),
    )


def own_points(
    scan: Scan,
    codec: OwnCodec,
    aim: str,
    settings: Sequence[float],
    say: Callable[[str], None],
) -> list[Point]:
    """Points of a codec on a scan; ``say`` gets a line for each that the codec refused.

    Parameters
    ----------
    aim : str
        ``quality`` or ``ratio``: what the settings are.
    """
    from vqcodec.errors import VqzError

    points = []
    for setting in settings:

        def encode(values: Array, setting: float = setting) -> bytes:
            return codec.encode(values, {aim: setting})

        try:
            points.append(coded(scan, encode, codec.decode, setting))
        except VqzError as error:
            say(f"{codec.name}, {aim} {setting:.3g}: {error}")
    return points
