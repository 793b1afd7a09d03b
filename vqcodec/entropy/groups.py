"""Which splits share context networks and tables."""

from __future__ import annotations

GROUPS: tuple[tuple[int, ...], ...] = ((0,), (1,), (2,), (3, 4, 5))


def group_of(split: int) -> int:
    """Index into ``GROUPS`` of a split."""
    return next(index for index, splits in enumerate(GROUPS) if split in splits)
