"""Random entropy models of codes, and codes and foregrounds for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.golden.tiny_codes import Widths, code_tensors, mask_tensors, powers
from vqcodec.entropy.code_coder import CodedLevels, Codes, encode_codes
from vqcodec.entropy.code_model import CodeModel, code_model
from vqcodec.frame_grids import padded_foreground

Tensors = dict[str, NDArray[Any]]

LEVELS = ("fine", "middle", "coarse")
SIDES = {"fine": 4, "middle": 16, "coarse": 64}
LARGEST_LAST = (1 << 46) // 4096 // 2


@dataclass(frozen=True)
class FixedCodes:
    """A picker whose codes ``(stages, d, h, w)`` are settled."""

    codes: Codes

    @property
    def stages(self) -> int:
        """Codes a site."""
        return len(self.codes)

    def pick(
        self, stage: int, sites: NDArray[np.intp], shares_NK: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """What was settled."""
        picked: NDArray[np.int64] = self.codes[stage].reshape(-1)[sites].astype(np.int64)
        return picked


def random_tensors(seed: int, hidden: int | None = None) -> Tensors:
    """Any sizes; entries from small to the largest, networks from vague to absolutely sure."""
    rng = np.random.default_rng(seed)
    tensors: Tensors = {"codes/powers": powers(), **mask_tensors()}
    for level in LEVELS:
        stages, dimension = rng.integers(1, 4, 2)
        size = int(rng.choice([2, 3, 16, 100, 256]))
        reach = rng.choice([0.1, 1.0, 20.0, 256.0])
        entries: list[NDArray[Any]] = [
            rng.uniform(-reach, reach, (size, dimension)).astype(rng.choice(["<f2", "<f4"]))
            for _ in range(stages)
        ]
        for stage, each in enumerate(entries):
            tensors[f"quantisers.{level}.codebooks.{stage}.entries"] = each
        widths = Widths(*rng.integers(1, 4, 4))
        widths = widths if hidden is None else widths._replace(hidden=hidden, hidden_2=hidden)
        tensors |= code_tensors(level, entries, widths, rng)
        tensors[f"codes/{level}/shifts"] = rng.integers(1, 12, 2)
        if rng.random() < 0.2:
            last = tensors[f"codes/{level}/0/last"]
            reach = LARGEST_LAST // len(last)
            tensors[f"codes/{level}/0/last"] = rng.integers(-reach, reach, last.shape)
    return tensors


def stages_of(model: CodeModel, seed: int) -> dict[str, int]:
    """Some stages of each level."""
    rng = np.random.default_rng(seed)
    return {name: int(rng.integers(1, model.levels[name].stages + 1)) for name in LEVELS}


def random_codes(
    model: CodeModel, foreground: NDArray[np.bool_], stages: dict[str, int], seed: int
) -> dict[str, NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    padded = padded_foreground(foreground)
    return {
        name: rng.integers(
            0,
            model.levels[name].entries.shape[1],
            (stages[name], *(n // SIDES[name] for n in padded.shape)),
        ).astype(np.uint8)
        for name in LEVELS
    }


def encoded(
    model: CodeModel, foreground: NDArray[np.bool_], codes: Mapping[str, NDArray[np.uint8]]
) -> CodedLevels:
    return encode_codes(
        model, padded_foreground(foreground), lambda name, _: FixedCodes(codes[name])
    )


class Case:
    """A random model, foreground and codes, coded."""

    def __init__(self, foreground: NDArray[np.bool_], seed: int, hidden: int | None = None) -> None:
        self.foreground = foreground
        self.tensors = random_tensors(seed, hidden)
        self.model = code_model(self.tensors)
        self.stages = stages_of(self.model, seed)
        self.wanted = random_codes(self.model, foreground, self.stages, seed)
        self.coded = encoded(self.model, foreground, self.wanted)

    @property
    def plain_tensors(self) -> Tensors:
        """For the small reader: integers of 64 bits."""
        return {
            name: tensor if tensor.dtype.kind == "f" else tensor.astype(np.int64)
            for name, tensor in self.tensors.items()
        }
