"""What the encoder fits for one lattice of one level, and writes before its residuals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..entropy.escapes import read_signed, write_signed
from ..entropy.stream import Decoder, Encoder
from .surroundings import WEIGHT_BITS, Surroundings
from .tables import PARAMETERS

CLASS_BITS = 3
LARGEST_PARAMETER = (1 << 23) - 1
LARGEST_WEIGHT = (1 << 15) - 1


@dataclass(frozen=True)
class ClassParameters:
    """Weights of the inputs and of the spreads, for voxels whose surroundings vary alike."""

    weights: tuple[int, ...]
    spread: tuple[int, ...]


@dataclass(frozen=True)
class PhaseParameters:
    """Parameters of a lattice.

    Attributes
    ----------
    thresholds : tuple of int
        Least activity of every class but the first, ascending.
    classes : tuple of ClassParameters
        None at all: the plain ones.
    """

    thresholds: tuple[int, ...] = ()
    classes: tuple[ClassParameters, ...] = ()

    def with_plain(self, surroundings: Surroundings) -> list[ClassParameters]:
        """The plain parameters, then those of the classes, of which there is at least one."""
        plain = ClassParameters(
            tuple(surroundings.plain_weights()), tuple(surroundings.plain_spread())
        )
        return [plain, *(self.classes or (plain,))]

    def class_of(self, activity: NDArray[np.int64]) -> NDArray[np.intp]:
        """Class of each voxel."""
        return np.searchsorted(np.asarray(self.thresholds, np.int64), activity, side="right")


def whole(weights: Sequence[int], reference: int) -> tuple[int, ...]:
    """Weights with the one that makes their sum one put in its place."""
    rest = (1 << WEIGHT_BITS) - sum(weights)
    return (*weights[:reference], rest, *weights[reference:])


def write_parameters(encoder: Encoder, parameters: PhaseParameters, reference: int) -> None:
    """Write the number of classes, thresholds, weights but the reference's, and spreads."""
    encoder.raw(np.array([len(parameters.classes)], np.int64), CLASS_BITS)
    numbers = list(parameters.thresholds)
    for each in parameters.classes:
        numbers += [*each.weights[:reference], *each.weights[reference + 1 :], *each.spread]
    values = np.array(numbers, np.int64)
    write_signed(encoder, values, PARAMETERS, np.zeros(len(values), np.int64))


def read_parameters(decoder: Decoder, surroundings: Surroundings) -> PhaseParameters:
    """Inverse of :func:`write_parameters`; whatever is read is bounded, thresholds are sorted."""
    count = int(decoder.raw(1, CLASS_BITS)[0])
    if count == 0:
        return PhaseParameters()
    free = max(surroundings.inputs - 1, 0)
    spreads = surroundings.spread_count()
    each = free + spreads
    total = count - 1 + count * each
    values = read_signed(decoder, PARAMETERS, np.zeros(total, np.int64)).tolist()
    thresholds, values = sorted(values[: count - 1]), values[count - 1 :]
    classes = []
    for start in range(0, count * each, each):
        numbers = values[start : start + each]
        weights = [min(max(each, -LARGEST_WEIGHT), LARGEST_WEIGHT) for each in numbers[:free]]
        spread = [min(abs(each), LARGEST_WEIGHT) for each in numbers[free:]]
        inputs = whole(weights, surroundings.reference) if surroundings.inputs else ()
        classes.append(ClassParameters(inputs, tuple(spread)))
    return PhaseParameters(tuple(thresholds), tuple(classes))
