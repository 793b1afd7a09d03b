"""A second reader of VQZ files, written from formats/VQZ.md: plain, slow, and sharing no code.

It needs numpy and the standard library only, and must never import vqcodec: where the two
readers differ, one of them or the specification is wrong.
"""

from .reading import Reading, read

__all__ = ["Reading", "read"]
