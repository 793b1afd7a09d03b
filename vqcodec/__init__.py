"""vqcodec: learned vector-quantised compression of 3D brain MRI.

>>> import vqcodec
>>> vqz = vqcodec.encode("scan.nii.gz")  # doctest: +SKIP
>>> vqz.save("scan.vqz")  # doctest: +SKIP
>>> image = vqcodec.decode("scan.vqz")  # doctest: +SKIP

The names below are loaded at first use: importing this package imports neither torch nor nibabel.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import errors

if TYPE_CHECKING:
    from .archive import Archive
    from .codec import decode, encode
    from .codes_dataset import CodesDataset
    from .codes_decoding import decode_codes
    from .registry import list_models, load_model
    from .verification import verify
    from .vqz import VQZ

__version__ = "0.1.0"

__all__ = [
    "VQZ",
    "Archive",
    "CodesDataset",
    "__version__",
    "decode",
    "decode_codes",
    "encode",
    "errors",
    "list_models",
    "load_model",
    "verify",
]

_HOME_OF = {
    "Archive": "archive",
    "CodesDataset": "codes_dataset",
    "VQZ": "vqz",
    "decode": "codec",
    "decode_codes": "codes_decoding",
    "encode": "codec",
    "list_models": "registry",
    "load_model": "registry",
    "verify": "verification",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ModuleNotFoundError(
            f"vqcodec.{name} needs torch, which is not installed (pip install torch)", name="torch"
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
