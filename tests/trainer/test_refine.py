"""What a refinement pass renews in the tensors of a model, and what it keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import vqcodec
from tests.codec.phantoms import head
from vqcodec.models.wavelet_family import wavelet_model
from vqcodec.trainer.build_model import first_tensors
from vqcodec.trainer.refine import Statistics, gather, updated

Tensors = dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    return dict(vqcodec.load_model().tensors)


@pytest.fixture(scope="module")
def statistics(tensors: Tensors) -> Statistics:
    model = wavelet_model(tensors)
    found = Statistics.of(model)
    assert gather(model, head((40, 48, 44)) / np.float32(1000), 256, found) > 0
    return found


def changed(before: Tensors, after: Tensors) -> set[str]:
    assert before.keys() == after.keys()
    return {
        name.rpartition("/")[2] for name in before if not np.array_equal(before[name], after[name])
    }


def test_what_is_renewed(tensors: Tensors, statistics: Statistics) -> None:
    tables = {"symbols", "escapes"}
    assert changed(tensors, updated(tensors, statistics, "tables")) == tables
    assert changed(tensors, updated(tensors, statistics, "offsets")) == tables | {"offsets"}
    assert changed(tensors, updated(tensors, statistics, "codebooks")) == tables | {"codebooks"}


def test_tables_alone_are_means(tensors: Tensors, statistics: Statistics) -> None:
    name = "contexts/1/symbols"
    mean = updated(tensors, statistics, "tables")[name]
    new = updated(tensors, statistics, "offsets")[name]
    assert mean.sum(axis=-1).max() == mean.sum(axis=-1).min() == 1 << 24
    np.testing.assert_allclose(mean, (new.astype(float) + tensors[name]) / 2, atol=2000)


def test_a_model_goes_on_from_the_points_of_another(tensors: Tensors, tmp_path: Any) -> None:
    for group in range(4):
        prefix = f"contexts/{group}/"
        parts = {
            name.removeprefix(prefix): values
            for name, values in tensors.items()
            if name.startswith(prefix) and not name.endswith("offsets")
        }
        np.savez(tmp_path / f"contexts{group}.npz", **parts)
    masks = {n.removeprefix("mask/"): v for n, v in tensors.items() if n.startswith("mask/")}
    np.savez(tmp_path / "mask.npz", **masks)
    made = first_tensors(tmp_path, tensors)
    kept = {name: values for name, values in tensors.items() if "restoration" not in name}
    assert changed(kept, made) == set()
