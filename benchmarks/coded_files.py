"""Coded files of one scan at equal bytes: vqcodec's at a rate, a peer's at no fewer bytes.

Both are kept in the cache (`benchmarks.curves`). A file of vqcodec is found again by the scan,
the model, the aim and a hash over the sources of the codec, so that a changed codec never
answers with an old file.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .curves import OutsideCurveError, cache_folder, stream, write_atomically
from .own_curve import OwnCodec
from .peers import Array, Peer
from .scans import Scan

EXCESS = 1.02
MOST_TRIALS = 8


@dataclass(frozen=True)
class Coded:
    """A coded scan.

    Attributes
    ----------
    codec : str
        Name in the tables.
    nbytes : int
        What it is charged for.
    key : str
        Tells this file from any other.
    decode : callable
        To float32 values of the scan's shape.
    """

    codec: str
    nbytes: int
    key: str
    decode: Callable[[], Array]


def own_file(
    scan: Scan,
    codec: OwnCodec,
    identity: Mapping[str, str],
    aim: Mapping[str, float | None],
    cache: Path | None = None,
) -> Coded:
    """A file of vqcodec, from the cache where it is there.

    Parameters
    ----------
    identity : mapping
        Whatever else tells this configuration from others: model and its hash, effort.

    Raises
    ------
    VqzError
        The codec refuses.
    """
    parts = [scan.values_digest, dict(identity), dict(aim), sources_digest()]
    key = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
    path = (cache or cache_folder()) / scan.name / f"vqcodec_{key}.vqz"
    if path.is_file():
        data = path.read_bytes()
    else:
        data = codec.encode(scan.values, aim)
        write_atomically(path, data)
    return Coded(codec.name, len(data), key, lambda: codec.decode(data))


def peer_file(scan: Scan, peer: Peer, nbytes: int, cache: Path | None = None) -> Coded:
    """The smallest file of a peer, along its first axis, that has at least ``nbytes``.

    The peer gets up to two percent more where its settings are fine enough, and as much more
    as one step of them makes where they are not: never less than vqcodec has.

    Raises
    ------
    OutsideCurveError
        No setting of the ladder has as many bytes, or all have more.
    """
    axis = peer.axes[0]

    def size(setting: float) -> int:
        return peer.charged(stream(peer, scan, setting, axis, cache)[0])

    setting = setting_for(peer, nbytes, size)
    data, _ = stream(peer, scan, setting, axis, cache)
    parts = [scan.values_digest, peer.name, setting, axis, peer.software()]
    key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    return Coded(
        codec=peer.name,
        nbytes=peer.charged(data),
        key=key,
        decode=lambda: peer.decode(data, scan.values.shape, axis),
    )


def setting_for(peer: Peer, nbytes: int, size: Callable[[float], int]) -> float:
    """The setting between two of the ladder whose file is at least, and about, ``nbytes``."""
    below, above = bracket(peer, nbytes, size)
    for _ in range(MOST_TRIALS):
        high = size(above)
        if high <= EXCESS * nbytes or abs(above - below) <= peer.step:
            break
        low = size(below)
        share = (nbytes * (1 + EXCESS) / 2 - low) / max(1, high - low)
        trial = below + min(max(share, 0.1), 0.9) * (above - below)
        if peer.step:
            trial = round(trial / peer.step) * peer.step
            if trial in (below, above):
                trial = above - peer.step if above > below else above + peer.step
        if size(trial) >= nbytes:
            above = trial
        else:
            below = trial
    return above


def bracket(peer: Peer, nbytes: int, size: Callable[[float], int]) -> tuple[float, float]:
    """Two neighbours of the ladder: a file smaller than ``nbytes``, and one that is not."""
    place = len(peer.settings) // 2
    while place < len(peer.settings) and size(peer.settings[place]) < nbytes:
        place += 1
    if place == len(peer.settings):
        raise OutsideCurveError(f"{peer.name} makes no files as large as {nbytes} bytes")
    while place >= 0 and size(peer.settings[place]) >= nbytes:
        place -= 1
    if place < 0:
        smallest = size(peer.settings[0])
        raise OutsideCurveError(f"{peer.name} needs at least {smallest} bytes, not {nbytes}")
    return peer.settings[place], peer.settings[place + 1]


@functools.cache
def sources_digest() -> str:
    """SHA-256 over the sources of the codec, from voxels to bytes and back."""
    import vqcodec

    root = Path(vqcodec.__file__).parent
    digest = hashlib.sha256()
    for folder in ("", "entropy", "models"):
        for path in sorted((root / folder).glob("**/*.py" if folder else "*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
