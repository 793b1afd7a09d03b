"""What `make fuzz` starts from, and a little of what it does, without its machinery."""

from __future__ import annotations

import numpy as np
import pytest

from .__main__ import NAMES
from .targets import TARGETS, run, seeds


def test_every_target_has_a_name() -> None:
    assert tuple(TARGETS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_seeds_and_what_they_become_when_bytes_change(name: str) -> None:
    rng = np.random.default_rng(0)
    for data in seeds(name):
        run(name, data)
    for data in seeds(name)[:40]:
        for _ in range(3 if name in ("container", "header", "volume") else 1):
            mutated = bytearray(data)
            for place in rng.integers(len(data), size=rng.integers(1, 4)) if data else ():
                mutated[place] = rng.integers(256)
            run(
                name,
                bytes(mutated[: rng.integers(len(data) + 1)] if rng.random() < 0.3 else mutated),
            )


@pytest.mark.parametrize("name", NAMES)
def test_a_target_works(name: str) -> None:
    """At least one seed is read to its end: else the target would only ever see refusals."""
    for data in seeds(name):
        try:
            TARGETS[name](data)
        except Exception:
            continue
        return
    pytest.fail("every seed is refused")
