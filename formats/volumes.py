"""Volume files, nibabel images and arrays to `Volume` and back: the names other packages use."""

from __future__ import annotations

from .free_text import without_free_text
from .header_section import header_section, volume_from_header_section
from .images import image_from_volume, volume_from_image
from .intensity import scaled_values, scaled_zero, stored_from_scaled, stored_zero
from .known import VOLUME_FORMATS, volume_suffix
from .layout import Volume
from .parts import part_volume
from .reading import pair_paths, read_volume, read_volume_bytes
from .refusals import label_reason, refuse_ct, refuse_labels
from .writing import volume_from_array, volume_to_bytes, write_volume

__all__ = [
    "VOLUME_FORMATS",
    "Volume",
    "header_section",
    "image_from_volume",
    "label_reason",
    "pair_paths",
    "part_volume",
    "read_volume",
    "read_volume_bytes",
    "refuse_ct",
    "refuse_labels",
    "scaled_values",
    "scaled_zero",
    "stored_from_scaled",
    "stored_zero",
    "volume_from_array",
    "volume_from_header_section",
    "volume_from_image",
    "volume_suffix",
    "volume_to_bytes",
    "without_free_text",
    "write_volume",
]
