"""Bytes to structures and back: the VQZ container and the volume formats. Never imports torch."""
