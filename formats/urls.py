"""Files elsewhere, such as ``s3://bucket/scan.vqz``, read through fsspec."""

from __future__ import annotations

import errno
import os
import re

from ..errors import VqzError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|(simplecache|filecache|blockcache)::")


def is_url(path: str | os.PathLike[str]) -> bool:
    """Whether a text is the URL of a file; a path object never is."""
    return isinstance(path, str) and _SCHEME.match(path) is not None


def read_url(url: str) -> bytes:
    """Read a whole file.

    Parameters
    ----------
    url : str
        Whatever fsspec understands; credentials and the like are its matter.

    Raises
    ------
    VqzError
        fsspec, or what it needs for such URLs, is not installed, or the scheme is unknown.
    OSError
        The file cannot be read.
    """
    try:
        import fsspec
    except ImportError:
        raise VqzError("reading URLs needs fsspec: pip install 'vqcodec[fsspec]'") from None
    try:
        with fsspec.open(url, "rb") as stream:
            data: bytes = stream.read()
    except (ImportError, ValueError) as error:
        raise VqzError(f"cannot read {url}: {' '.join(str(error).split())}") from error
    except OSError:
        raise
    except Exception as error:  # each file system has errors of its own
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OSError(errno.EIO, reason, url) from error
    return data
