"""Canonical JSON texts as DEFLATE streams with a preset dictionary; see VQZ.md, section 5.2."""

from __future__ import annotations

import zlib

from ..errors import FormatError, LimitExceededError

#: Fragments of headers and figures. Not a byte of it may ever change: files depend on it.
DICTIONARY = (
    b"[1,2,2],[2,2,3],[1,1,1],[2,1,3],[2,2,2],|b1|i1<u4<u8<i8>u2>f8>i4>f4>i2<f2|u1<i4<u2anal"
    b'yze-spm2analyze-spm99nifti2-pair","shapenifti1-pair","shapeanalyze","shape.hdr.gz.hdr.'
    b'img.gz.img.mgh.gz.mgh.mgz"}}.npy.gz.npy"}}"format":"mgh","shape":["format":"npy","shap'
    b'e":["format":"nifti2","shape":["entropy":"code-range-1","family":"paper","frames":[{"c'
    b'ontext-range-1context-tiles-1context-tiles-2[0,2,1],[1,0,2],[1,2,0],[2,1,0],[2,0,1],"d'
    b'type":"<f8","flips":[true,true,true],[false,true,true],[true,false,true],[true,true,fa'
    b'lse],[false,true,false],[false,false,true],[false,false,false],"format":"nifti1"error_'
    b'to_noise":null,"fitness":null,"foreground_voxels":0,"structure_error":null,"surface":n'
    b'ull,"surprise":null}{"foreground_voxels":1,"max_error":0.0,"ms_ssim":1.0,"nonfinite_vo'
    b'xels":0,"psnr":null,"psnr_foreground":null,"range":1.0}{"error_to_noise":1.0,"fitness"'
    b':0.8,"foreground_voxels":1,"max_error":1.0,"ms_ssim":0.98,"nonfinite_voxels":0,"psnr":'
    b'3.0,"psnr_foreground":2.0,"range":1.0,"structure_error":0.1,"surface":0.0,"surprise":-'
    b'0.1}{"background":null,"extent":[0,0,0],"maximum":0.0,"minimum":0.0,"nonfinite":0,"off'
    b'set":0.0,"origin":[0,0,0],"scale":1.0,"stages":[0,0,0],"step_index":0},"dtype":"<f4","'
    b'flips":[true,false,false],"format":"nifti1","shape":[1,1,1],"suffix":".nii"},"voxels":'
    b'{"max_error":0.0,"sha256":""}}{"codes_sha256":"","entropy":"context-tiles-3","family":'
    b'"wavelet","frames":[{"background":0.0,"extent":[1,1,1],"maximum":1.0,"minimum":1.0,"no'
    b'nfinite":0,"offset":0.0,"origin":[4,4,4],"scale":1.0,"stages":[1,1,2],"step_index":10}'
    b',{"background":0.0,"extent":[1}],"model":{"id":"vqcodec-t1-7","sha256":""},"software":'
    b'"vqcodec 0.1.0","volume":{"axes":[0,1,2],"dtype":"<i2","flips":[true,false,false],"for'
    b'mat":"nifti1","shape":[256,256,1],"suffix":".nii.gz"}}'
)
_LEVEL, _MEMORY = 9, 9
_RAW_DEFLATE = -15


def deflated(text: bytes) -> bytes:
    """Return a text as one raw DEFLATE stream (RFC 1951) with the preset dictionary."""
    squeezer = zlib.compressobj(
        _LEVEL, zlib.DEFLATED, _RAW_DEFLATE, _MEMORY, zlib.Z_DEFAULT_STRATEGY, DICTIONARY
    )
    return squeezer.compress(text) + squeezer.flush()


def inflated(data: bytes, most: int, name: str) -> tuple[bytes, bytes]:
    """Return the text of the stream at the start of some bytes, and the bytes after the stream.

    Parameters
    ----------
    data : bytes
    most : int
        Bytes of the longest text to accept; not many more are ever inflated.
    name : str
        What errors call the text.

    Raises
    ------
    FormatError
        There is no whole stream.
    LimitExceededError
        The text is longer than ``most``.
    """
    stream = zlib.decompressobj(_RAW_DEFLATE, DICTIONARY)
    try:
        text = stream.decompress(data, most + 1)
    except zlib.error:
        raise FormatError(f"{name} is not a sound DEFLATE stream") from None
    if len(text) > most:
        raise LimitExceededError(f"{name} inflates to more than the limit of {most} bytes")
    if not stream.eof:
        raise FormatError(f"{name} is a DEFLATE stream that is cut short")
    return text, stream.unused_data
