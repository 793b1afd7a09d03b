"""Sections 11.4 and 11.5 of the specification: the range decoder and what it carries."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from .container import require

MASK_64 = (1 << 64) - 1


class Stream:
    def __init__(self, data: bytes, is_trimmed: bool = False) -> None:
        if is_trimmed:
            data += bytes(-len(data) % 4)
        require(len(data) % 4 == 0, "stream is not a whole number of words")
        order = ">" if is_trimmed else "<"
        self.words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
        self.low = 0
        self.range = MASK_64
        self.point = self.next_word() << 32
        self.point += self.next_word()

    def next_word(self) -> int:
        return next(self.words, 0)

    def symbol(self, frequencies: Sequence[int]) -> int:
        scale = self.range >> 24
        target = ((self.point - self.low) & MASK_64) // scale
        require(target < 1 << 24, "stream is damaged")
        symbol = cumulative = 0
        while cumulative + frequencies[symbol] <= target:
            cumulative += frequencies[symbol]
            symbol += 1
        self.low = (self.low + scale * cumulative) & MASK_64
        self.range = scale * frequencies[symbol]
        if self.range < 1 << 32:
            self.low = (self.low << 32) & MASK_64
            self.range <<= 32
            self.point = ((self.point << 32) + self.next_word()) & MASK_64
        return symbol

    def grouped(self, numbers: Sequence[int], tables: np.ndarray) -> list[int]:
        """One symbol for each table number, by ascending number."""
        symbols = [0] * len(numbers)
        for index in sorted(range(len(numbers)), key=lambda index: numbers[index]):
            symbols[index] = self.symbol(tables[numbers[index]].tolist())
        return symbols

    def in_order(self, numbers: Sequence[int], tables: np.ndarray) -> list[int]:
        """One symbol for each table number."""
        return [self.symbol(tables[number].tolist()) for number in numbers]

    def raw(self, count: int, bits: int) -> list[int]:
        upper = [0] * count
        if bits > 12:
            upper, bits = self.raw(count, 12), bits - 12
        even = [1 << (24 - bits)] * (1 << bits)
        return [(high << bits) + self.symbol(even) for high in upper]

    def signed(self, numbers: Sequence[int], tables: np.ndarray) -> list[int]:
        """One signed integer for each number of a table of buckets."""
        buckets = self.in_order(numbers, tables)
        count = len(numbers)
        values = [0] * count
        for bucket in sorted(set(buckets)):
            places = [index for index in range(count) if buckets[index] == bucket]
            for index, low in zip(places, self.raw(len(places), bucket + 1), strict=True):
                magnitude = (low >> 1) - 1 + (1 << bucket)
                values[index] = -magnitude if low & 1 else magnitude
        return values
