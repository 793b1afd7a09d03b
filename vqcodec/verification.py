"""Whether a file holds what it promises: checksums, codes and voxels. Torch-free."""

from __future__ import annotations

import os
from typing import Any

from .exact import decode_voxels
from .vqz import VQZ


def verify(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Check a file without torch: checksums, header, and the codes against their hash.

    Returns
    -------
    dict
        ``codes_sha256``, ``model`` and ``frames``, and ``voxels_sha256`` of a file that promises
        its voxels.

    Raises
    ------
    OSError, FormatError, UnsupportedError, LimitExceededError, ModelUnavailableError
    """
    return verify_codes(VQZ.open(path))


def verify_codes(vqz: VQZ) -> dict[str, Any]:
    """Check the codes of a file that was read; see :func:`verify`."""
    vqz.all_codes()
    promise = vqz.parsed.voxels
    if promise is not None:
        decode_voxels(vqz)
    return {
        **({} if promise is None else {"voxels_sha256": promise.sha256}),
        "codes_sha256": vqz.parsed.codes_sha256,
        "model": vqz.parsed.model.id,
        "frames": len(vqz.parsed.frames),
    }
