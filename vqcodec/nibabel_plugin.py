"""``import vqcodec.nibabel_plugin`` teaches nibabel to load and save VQZ files.

>>> import nibabel as nib
>>> import vqcodec.nibabel_plugin
>>> image = nib.load("scan.vqz")  # doctest: +SKIP
>>> image.dataobj[40:90, :, 30]  # decodes what it needs  # doctest: +SKIP
>>> nib.save(image, "scan.nii.gz")  # doctest: +SKIP
>>> nib.save(nib.load("other.nii.gz"), "other.vqz", ratio=0.35)  # doctest: +SKIP
"""

from __future__ import annotations

import os
from typing import Any

import nibabel as nib
import numpy as np
from nibabel import imageclasses
from nibabel.spatialimages import SpatialHeader, SpatialImage

from .errors import VolumeError
from .formats.atomic import write_atomically
from .formats.header_section import described_volume
from .formats.images import header_as_written
from .formats.known import VOLUME_FORMATS, format_of
from .formats.sections import SectionKind
from .lazy_array import LazyArray
from .vqz import VQZ

_CLASS_OF_HEADER = {
    each.image_class.header_class: each.image_class
    for each in VOLUME_FORMATS
    if each.image_class is not None
}


class VqzImage(SpatialImage):
    """An image in a VQZ file, with the header of the volume that was compressed.

    ``dataobj`` of a loaded image is a `LazyArray`. Images of NumPy files have a NIfTI-1 header.

    Parameters
    ----------
    dataobj, affine, extra, file_map
        As for every image of nibabel.
    header : nibabel header, optional
        Of NIfTI, MGH or Analyze, whose class is kept; what else there is becomes NIfTI-1.
    """

    files_types = (("image", ".vqz"),)
    valid_exts = (".vqz",)

    def __init__(
        self,
        dataobj: Any,
        affine: Any,
        header: Any = None,
        extra: Any = None,
        file_map: Any = None,
    ) -> None:
        source = _source_image(dataobj, affine, header)
        self._made_from: Any = None
        self.header_class = type(source.header)
        super().__init__(dataobj, source.affine, source.header, extra=extra, file_map=file_map)

    @classmethod
    def from_vqz(cls, vqz: VQZ, file_map: Any = None) -> VqzImage:
        """Make an image of a compressed volume; nothing is decoded yet.

        Raises
        ------
        FormatError, UnsupportedError
            The header in the file is unsound.
        """
        section = vqz.container.section(SectionKind.VOLUME_HEADER)
        volume = described_volume(section, vqz.header["volume"])
        make_header = format_of(volume.format).image_header
        header = None
        if make_header is not None:
            header = make_header(volume.header_bytes, volume.footer_bytes)
        slope = 1.0 if volume.slope is None else volume.slope
        inter = 0.0 if volume.inter is None else volume.inter
        affine = np.eye(4) if volume.affine is None else volume.affine
        image = cls(LazyArray(vqz, slope, inter), affine, header, file_map=file_map)
        if header is None:
            image.set_data_dtype(vqz.parsed.volume.dtype)
        return image

    @classmethod
    def from_filename(cls, filename: Any, **_: Any) -> VqzImage:
        """Load a file; options about memory maps and open files mean nothing here.

        Raises
        ------
        OSError, FormatError, UnsupportedError, LimitExceededError
        """
        return cls.from_vqz(VQZ.open(filename), cls.filespec_to_file_map(filename))

    @classmethod
    def from_file_map(cls, file_map: Any, **_: Any) -> VqzImage:
        """Load from what nibabel calls a file map.

        Raises
        ------
        OSError, FormatError, UnsupportedError, LimitExceededError
        """
        with file_map["image"].get_prepare_fileobj("rb") as stream:
            return cls.from_vqz(VQZ.from_bytes(stream.read()), file_map)

    @classmethod
    def from_image(cls, img: Any) -> VqzImage:
        """Image with the voxels, affine and header of another one.

        Raises
        ------
        VolumeError
            It is no volume.
        """
        if not isinstance(img, SpatialImage):
            raise VolumeError(f"an image of class {type(img).__name__} is no volume")
        image = cls(img.dataobj, img.affine, img.header, extra=img.extra.copy())
        image._made_from = img
        return image

    def to_vqz(self, **options: Any) -> VQZ:
        """Compress.

        Parameters
        ----------
        **options
            Those of :func:`vqcodec.encode`. Without any, an image that is as it was loaded gives
            its file: it is not compressed a second time.

        Raises
        ------
        VolumeError, LimitExceededError, ModelUnavailableError, ValueError
            As :func:`vqcodec.encode`.
        """
        data: Any = self.dataobj
        if isinstance(data, LazyArray):
            if not options and self._is_like(VqzImage.from_vqz(data.vqz)):
                return data.vqz
            data = data.stored_proxy()
        from .codec import encode

        original = self._made_from
        if type(original) in _CLASS_OF_HEADER.values() and self._is_like(original):
            return encode(original, **options)  # whose file is known, byte for byte
        return encode(_source_image(data, self.affine, self.header), **options)

    def _is_like(self, other: Any) -> bool:
        """Whether another image has the same header and affine."""
        same = header_as_written(self.header) == header_as_written(other.header)
        return same and np.array_equal(self.affine, other.affine)

    def to_file_map(self, file_map: Any = None, **options: Any) -> None:
        """Compress and write; see `to_vqz`.

        Raises
        ------
        OSError
            It cannot be written; nothing is left behind.
        """
        file_map = self.file_map if file_map is None else file_map
        vqz = self.to_vqz(**options)
        holder = file_map["image"]
        if holder.fileobj is not None:
            holder.fileobj.write(vqz.to_bytes())
        else:
            write_atomically(os.fspath(holder.filename), vqz.to_bytes(), overwrite=True)
        self.file_map = file_map


def _source_image(dataobj: Any, affine: Any, header: Any) -> Any:
    """The image as nibabel would have it in a file of its header's kind."""
    if isinstance(header, SpatialHeader) and type(header) in _CLASS_OF_HEADER:
        return _CLASS_OF_HEADER[type(header)](dataobj, affine, header)
    return nib.Nifti1Image(dataobj, affine, header)


def register() -> None:
    """Make the class known to nibabel; done when this module is imported."""
    if VqzImage not in imageclasses.all_image_classes:
        imageclasses.all_image_classes.append(VqzImage)
        imageclasses.KNOWN_SPATIAL_FIRST = (*imageclasses.KNOWN_SPATIAL_FIRST, VqzImage)


register()
