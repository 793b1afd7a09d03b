"""Every error vqcodec raises on purpose; anything else that escapes is a bug."""

from __future__ import annotations


class VqzError(Exception):
    """Root of the error tree. Its text is one line fit to show a user."""


class FormatError(VqzError):
    """The bytes are not a VQZ file, are cut short, or are damaged."""


class UnsupportedError(VqzError):
    """The file is sound, but written by a newer version or with an unknown id."""


class LimitExceededError(VqzError):
    """A size in the file or in a request is beyond what is allowed or reachable."""


class ModelUnavailableError(VqzError):
    """The weights a file needs are missing, or are not the ones it was written with."""


class VolumeError(VqzError):
    """The volume cannot be read, or is of a kind that the codec refuses."""
