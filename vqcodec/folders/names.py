"""What results are called, and which files a volume is stored in."""

from __future__ import annotations

from pathlib import Path

VQZ_SUFFIX = ".vqz"
OWN_PREFIX = ".vqz-"
"""Start of the names of files that belong to a run: its journal, its lock, unfinished results."""

PAIRS = ((".hdr", ".img"), (".hdr.gz", ".img.gz"))


def is_vqz(path: Path) -> bool:
    """Return whether a file's name says that it is a VQZ file."""
    return path.suffix.lower() == VQZ_SUFFIX


def is_volume(path: Path) -> bool:
    """Return whether a file's name says that it is a volume."""
    from ..formats.known import volume_suffix

    return bool(volume_suffix(path))


def vqz_name(path: Path) -> Path:
    """``scan.nii.gz`` -> ``scan.vqz``."""
    from ..formats.known import volume_suffix

    return path.with_name(path.name.removesuffix(volume_suffix(path)) + VQZ_SUFFIX)


def volume_name(path: Path, suffix: str) -> Path:
    """``scan.vqz`` -> ``scan.nii.gz``."""
    stem = path.name[: -len(VQZ_SUFFIX)] if is_vqz(path) else path.name
    return path.with_name(stem + suffix)


def written_with(path: Path) -> tuple[Path, ...]:
    """Return the files that writing a volume to ``path`` makes: two for a header and image pair."""
    for pair in PAIRS:
        for suffix in pair:
            if path.name.lower().endswith(suffix):
                stem, ending = path.name[: -len(suffix)], path.name[-len(suffix) :]
                parts = [part.upper() if ending.isupper() else part for part in pair]
                return tuple(path.with_name(stem + part) for part in parts)
    return (path,)


def stored_in(path: Path) -> tuple[Path, ...]:
    """Return the files that a volume is read from: two for a header and image pair.

    Raises
    ------
    VolumeError
        The other file of a pair is missing.
    FileNotFoundError
        ``path``, one file of a pair, is missing.
    """
    from ..formats.volumes import pair_paths

    return pair_paths(path) if len(written_with(path)) > 1 else (path,)


def is_second_of_pair(path: Path) -> bool:
    """Return whether a file holds the voxels that belong to a header file beside it."""
    from ..errors import VolumeError

    if len(written_with(path)) == 1:
        return False
    try:
        return stored_in(path)[0] != path
    except (VolumeError, OSError):
        return False
