"""The region that is coded where the foreground's own outline would be dear.

Thresholds and rounding leave skull-stripped scans with a ragged outline and with single voxels of
background inside. A region that closes those gaps is cheap to code; which of its voxels are
background is stated afterwards (:mod:`vqcodec.entropy.holes`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .background import boundary_faces

#: Faces between foreground and background that a voxel of the region must save on average. A
#: straight outline has no gap to close; a single voxel of background inside saves six.
FACES_SAVED = 1.2
#: Gaps of fewer voxels, relative to the faces of the outline, are not worth a stream of their own.
LEAST_SHARE = 0.01
#: Of the foreground next to holes, those as dark as what holes are coded as.
DARK_PERCENTILE = 2.0

Mask = NDArray[np.bool_]


def closed(foreground: Mask) -> Mask:
    """The foreground with narrow gaps and everything enclosed.

    Parameters
    ----------
    foreground : ndarray of bool
        ``(D, H, W)``.
    """
    padded = np.pad(foreground, 2)
    filled = ndimage.binary_closing(padded, ndimage.generate_binary_structure(3, 1))
    parts, _ = ndimage.label(~filled)
    region: Mask = (parts != parts[0, 0, 0])[2:-2, 2:-2, 2:-2]
    return region


def faces(mask: Mask) -> int:
    """Faces between voxels inside and outside, which is also what lies beyond the sides."""
    return boundary_faces(np.pad(mask, 1))


def envelope(foreground: Mask) -> Mask | None:
    """Region to code in place of a foreground, or None where that would save nothing."""
    if foreground.all():
        return None
    region = closed(foreground)
    added = int(np.count_nonzero(region)) - int(np.count_nonzero(foreground))
    outline = faces(foreground)
    if added < LEAST_SHARE * outline:
        return None
    return region if outline - faces(region) >= FACES_SAVED * added else None


def dark_level(x_DHW: NDArray[np.float32], foreground: Mask, holes: Mask) -> float:
    """An intensity for voxels that will be background: as dark as the foreground around them is.

    Their own may lie far below all of the foreground, and such steps would be dear to code.
    """
    around = ndimage.binary_dilation(holes, ndimage.generate_binary_structure(3, 1)) & foreground
    return float(np.percentile(x_DHW[around], DARK_PERCENTILE)) if around.any() else 0.0
