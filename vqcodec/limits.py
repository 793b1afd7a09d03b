"""Sizes checked before anything is allocated on the word of a file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Upper bounds a reader holds every file to.

    Attributes
    ----------
    header_bytes : int
        Length of the JSON header, of a packed one, and of what that inflates to.
    sections : int
        Sections of a file.
    section_bytes : int
        Length of one section as stored.
    voxels : int
        Voxels of the whole volume, frames included.
    frames : int
        3D frames of a 4D volume.
    voxels_per_byte : int
        Voxels a file may claim for each of its bytes (plus ``voxels_free``): keeps a file
        of a few hundred bytes from claiming gigabytes.
    voxels_free : int
        Voxels a file of any size may claim.
    members : int
        Members of an archive.
    name_bytes : int
        Length of the name of an archive's member, in UTF-8.
    archive_header_bytes : int
        Length of an archive's JSON header.
    """

    header_bytes: int = 1 << 20
    sections: int = 1 << 16
    section_bytes: int = 1 << 31
    voxels: int = 1 << 31
    frames: int = 1 << 14
    voxels_per_byte: int = 1 << 10
    voxels_free: int = 1 << 16
    members: int = 1 << 22
    name_bytes: int = 1 << 10
    archive_header_bytes: int = 1 << 16


DEFAULT_LIMITS = Limits()
