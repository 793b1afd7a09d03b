"""Section 16.3 of the specification: a stream to numbers, voxel by voxel."""

from __future__ import annotations

from itertools import product

import numpy as np

from .container import require
from .streams import Stream

LATTICES = ((0, 0, 0), (1, 1, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0))
REACH = (0, 19, 14, 10, 9, 6, 6, 6)
PARAMETERS = np.array(
    [[3 << 20] * 4 + [1 << 20] * 2 + [1 << 18] * 6 + [1 << 16] * 4 + [1 << 15] * 8]
)
Place = tuple[int, int, int]


def root(number: int, power: int) -> int:
    """Largest n with n^power <= number."""
    low, high = 0, 1 << (number.bit_length() // power + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**power <= number else (low, middle)
    return low


BOUNDS = [root(1 << k, 3) for k in range(120)]
WEIGHTS = [0] + [root(1 << (40 + k % 4), 4) << (k // 4) for k in range(63)]


def clip(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


def read_tables(stream: Stream) -> np.ndarray:
    used = [table for table, bit in enumerate(stream.raw(1089, 1)) if bit]
    spans = stream.raw(2 * len(used), 7)
    tables = np.zeros((1089, 128), object)
    lengths = [last - first + 1 for first, last in zip(spans[::2], spans[1::2], strict=True)]
    require(min(lengths, default=1) > 0, "a table ends before it begins")
    codes = iter(stream.raw(sum(lengths), 6))
    for table, first, length in zip(used, spans[::2], lengths, strict=True):
        tables[table, first : first + length] = [WEIGHTS[next(codes)] for _ in range(length)]
    for row in tables:
        total = max(sum(row), 1)
        row[:] = [1 + ((1 << 24) - 128) * weight // total for weight in row]
        row[np.argmax(row)] += (1 << 24) - sum(row)
    return tables


class Lattices:
    """The decoder of one stream."""

    def __init__(self, data: bytes, care: np.ndarray, most: int, step: int, start: int) -> None:
        self.stream, self.care = Stream(data), care
        self.most, self.step, self.start = most, step, start
        self.tables = read_tables(self.stream)
        self.x = np.full(care.shape, start, object)
        self.miss = np.zeros(care.shape, object)

    def decode(self) -> np.ndarray:
        top = max(side - 1 for side in self.care.shape).bit_length()
        self.lattice(top, 0)
        for level in range(top - 1, -1, -1):
            for f in range(1, 8):
                self.lattice(level, f)
        return self.x

    def lattice(self, level: int, f: int) -> None:
        sides = [-(-side // (1 << level)) for side in self.care.shape]
        places = list(product(*(range(o, n, 2) for o, n in zip(LATTICES[f], sides, strict=True))))
        offsets = self.offsets(f, sides) if f else []
        around = {p: self.around(p, offsets, sides, level) for p in places}
        full = {p: tuple(q << level for q in p) for p in places}
        coded = [p for p in places if self.care[full[p]]]
        squares = [sum(m * m for m in d) for d in offsets]
        plain = self.plain(squares)
        for p in places:
            if not self.care[full[p]] and offsets:
                value = self.predict(around[p], plain)
                self.x[full[p]] = clip((value + 8) >> 4, 0, self.most)
        if not coded:
            return
        groups = [[i for i, s in enumerate(squares) if s == d] for d in (1, 2, 3, 4)]
        terms = [g for g in groups if g], [g for g in groups[:3] if g]
        thresholds, classes = self.parameters(plain, 1 + len(terms[0]) + len(terms[1]))
        found = []
        for p in coded:
            values = [16 * self.x[q] for q in around[p]]
            ring = [v for v, s in zip(values, squares, strict=True) if s <= 3]
            mean = sum(ring) // len(ring) if ring else 0
            activity = sum(abs(v - mean) for v in ring) // len(ring) if ring else 0
            weights, spreads = classes[sum(t <= activity for t in thresholds)]
            value = self.predict(around[p], weights if activity else plain)
            numbers = [16 * self.step]
            numbers += [sum(self.miss[around[p][i]] for i in g) // len(g) for g in terms[0]]
            numbers += [sum(abs(values[i] - value) for i in g) // len(g) for g in terms[1]]
            spread = sum(w * n for w, n in zip(spreads, numbers, strict=True))
            found.append(self.context(value, activity, spread, level))
        for p, (value, *context), number in zip(
            coded, found, self.residuals([table for *_, table in found]), strict=True
        ):
            centre, sign, _ = context
            decoded = clip(centre + self.step * sign * number, 0, self.most)
            self.x[full[p]] = decoded
            self.miss[full[p]] = abs(16 * decoded - value)

    def offsets(self, f: int, sides: list[int]) -> list[Place]:
        found = []
        for d in product(range(-3, 4), repeat=3):
            lattice = tuple((o + m) % 2 for o, m in zip(LATTICES[f], d, strict=True))
            near = sum(m * m for m in d) <= REACH[f] and LATTICES.index(lattice) < f
            if near and all(o < n for o, n in zip(lattice, sides, strict=True)):
                found.append(d)
        return found

    def around(self, p: Place, offsets: list[Place], sides: list[int], level: int) -> list[Place]:
        found = []
        for d in offsets:
            q = []
            for start, move, side in zip(p, d, sides, strict=True):
                parity = (start + move) % 2
                last = side - 1 - (side - 1 - parity) % 2
                q.append(clip(start + move, parity, last) << level)
            found.append((q[0], q[1], q[2]))
        return found

    def plain(self, squares: list[int]) -> list[int]:
        nearest = [i for i, s in enumerate(squares) if s == min(squares)]
        weights = [256 // len(nearest) if i in nearest else 0 for i in range(len(squares))]
        if nearest:
            weights[nearest[0]] += 256 - sum(weights)
            self.reference = nearest[0]
        return weights

    def predict(self, around: list[Place], weights: list[int]) -> int:
        if not around:
            return 16 * self.start
        total = sum(w * 16 * self.x[q] for w, q in zip(weights, around, strict=True))
        return (total + 128) >> 8

    def parameters(self, plain: list[int], terms: int) -> tuple[list[int], list]:
        (count,) = self.stream.raw(1, 3)
        if not count:
            return [], [(plain, [256 // terms] * terms)]
        free = max(len(plain) - 1, 0)
        numbers = self.stream.signed([0] * (count - 1 + count * (free + terms)), PARAMETERS)
        thresholds, numbers = sorted(numbers[: count - 1]), numbers[count - 1 :]
        classes = []
        for _ in range(count):
            weights = [clip(w, -32767, 32767) for w in numbers[:free]]
            if plain:
                weights.insert(self.reference, 256 - sum(weights))
            spreads = [min(abs(w), 32767) for w in numbers[free : free + terms]]
            classes.append((weights, spreads))
            numbers = numbers[free + terms :]
        return thresholds, classes

    def context(self, value: int, activity: int, spread: int, level: int) -> tuple[int, ...]:
        centre = clip((value + 8) >> 4, 0, self.most)
        rest = clip(value - 16 * centre, -8, 8)
        sign = -1 if rest < 0 else 1
        if not activity:
            return value, centre, sign, 9 * min(level, 9)
        u = sum(bound <= spread // (4 * self.step) for bound in BOUNDS)
        return value, centre, sign, 9 * u + (abs(rest) if self.step == 1 and u <= 36 else 0)

    def residuals(self, tables: list[int]) -> list[int]:
        stream, count = self.stream, len(tables)
        bits = [max(table // 27 - 12, 0) for table in tables]
        h = [symbol - 63 for symbol in stream.grouped(tables, self.tables)]
        escapes = [i for i in range(count) if h[i] == 64]
        sizes = dict(zip(escapes, stream.raw(len(escapes), 6), strict=True))
        require(max(sizes.values(), default=0) <= 34, "escape")
        for k in sorted(set(sizes.values())):
            some = [i for i in escapes if sizes[i] == k]
            low = stream.raw(len(some), k) if k else [0] * len(some)
            for i, rest in zip(some, low, strict=True):
                h[i] = 63 + (1 << k) + rest
        for i, negative in zip(escapes, stream.raw(len(escapes), 1), strict=True):
            h[i] = -h[i] if negative else h[i]
        largest = (1 << 34) // self.step
        require(all(abs(h[i]) <= (largest >> bits[i]) + 1 for i in range(count)), "escape")
        for b in sorted(set(bits) - {0}):
            some = [i for i in range(count) if bits[i] == b]
            for i, low in zip(some, stream.raw(len(some), b), strict=True):
                h[i] = (h[i] << b) + low
        return h


def decode_lattices(data: bytes, care: np.ndarray, most: int, step: int, start: int) -> np.ndarray:
    return Lattices(data, care, most, step, start).decode()
