"""Draws: the rows of the context networks, and trainings that follow the clock."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import vqcodec
from tests.codec.phantoms import head
from tests.golden.tiny_tiles import tiny_tiles_tensors
from tests.golden.tiny_trellis import tiny_trellis_tensors
from vqcodec.entropy.context_model import context_model
from vqcodec.entropy.groups import GROUPS
from vqcodec.entropy.trellis import integers_of
from vqcodec.models.restoration import RestorationNetwork
from vqcodec.models.wavelet_family import wavelet_model
from vqcodec.trainer import timed_contexts, timed_restoration
from vqcodec.trainer.context_draws import SplitDraw, split_draws
from vqcodec.trainer.context_export import float_networks
from vqcodec.trainer.context_samples import companding_tables, draw_rows, quantise_for_training
from vqcodec.trainer.draw_files import new_files, rate_factor
from vqcodec.trainer.draw_workers import draw_arrays, draws_of, encoded
from vqcodec.trainer.prior import ContextNetworks, laplace_bits
from vqcodec.trainer.restoration import Pair
from vqcodec.trainer.trellis_start import (
    signed_columns,
    trellis_tensors,
    with_eight_states,
    with_finer_maps,
    with_trained,
)

ROWS = (40, 40, 30, 20, 10, 5)


@pytest.fixture(scope="module")
def volume() -> np.ndarray:
    return head((40, 70, 44)).astype(np.float32) / np.float32(1000)


@pytest.fixture(scope="module")
def draws(volume: np.ndarray) -> dict[int, SplitDraw]:
    quantised = quantise_for_training(volume, 200)
    return dict(split_draws(quantised, np.random.default_rng(1), ROWS))


def test_rows_are_those_of_the_contexts(volume: np.ndarray, draws: dict[int, SplitDraw]) -> None:
    quantised = quantise_for_training(volume, 200)
    seen = []
    for split, inputs, targets in draw_rows(quantised, ROWS, np.random.default_rng(1)):
        np.testing.assert_array_equal(draws[split].rows(slice(None)), inputs)
        np.testing.assert_array_equal(draws[split].targets, targets)
        assert not draws[split].seconds.any()
        seen.append(split)
    assert seen == [5, 4, 3, 2, 1, 0]


def test_draws_come_back_from_arrays(draws: dict[int, SplitDraw]) -> None:
    back = draws_of(draw_arrays(draws))
    for split, draw in draws.items():
        for name, array in vars(draw).items():
            np.testing.assert_array_equal(vars(back[split])[name], array)


def test_a_trellis_has_labels_of_both_quantisers(volume: np.ndarray) -> None:
    model = wavelet_model(tiny_trellis_tensors())
    [(quantised, pair)] = encoded(model, volume, [200])
    assert pair is not None
    assert pair.step == pytest.approx(2 ** (-200 / 64))
    for split, draw in split_draws(quantised, np.random.default_rng(2), ROWS, model.entropy):
        found = integers_of(draw.targets.astype(np.int64), draw.seconds.astype(np.int64))
        assert set(np.unique(found)) <= set(np.unique(quantised.splits[split])) | {0}
    assert draw.seconds.any()
    assert not draw.seconds.all()


def test_a_model_for_a_trellis_from_one_without(tmp_path: Path) -> None:
    plain = tiny_tiles_tensors()
    made = trellis_tensors(plain)
    model = context_model(made)
    assert model.entropy_id == "context-tiles-2"
    for q in range(-30, 31):
        of_label = context_model(plain).companding.of(np.array([q], np.int32))
        for integer in {2 * q, 2 * q - int(np.sign(q))}:
            for one, other in zip(of_label, model.companding.of(np.array([integer])), strict=True):
                assert one[0] == other[0]
    kept = with_trained(made, tmp_path)
    assert all(np.array_equal(kept[name], made[name]) for name in made)


def test_finer_maps_tell_integers_of_one_label_apart_and_change_nothing_else() -> None:
    maps = {f"maps/{name}": table for name, table in vars(companding_tables()).items()}
    labels = trellis_tensors({**tiny_tiles_tensors(), **maps})
    made = with_finer_maps(labels)
    signed, magnitude = made["maps/signed"], made["maps/magnitude"]
    assert signed.dtype == labels["maps/signed"].dtype
    assert len(set(signed[:25])) == 25
    assert len(set(magnitude[:4])) == 4
    for q in range(0, 25, 2):
        assert signed[q] == 2 * labels["maps/signed"][q]
    assert (np.diff(signed.astype(int)) >= 0).all()
    assert context_model(made).is_trellis
    columns = np.zeros(labels["contexts/0/first"].shape[1], bool)
    columns[signed_columns()] = True
    for group in range(len(GROUPS)):
        before, after = (
            float_networks(t, f"contexts/{group}", len(columns)) for t in (labels, made)
        )
        half = before.first.detach().numpy() * np.where(columns, 0.5, 1.0)[:, None]
        np.testing.assert_allclose(after.first.detach().numpy(), half, atol=1e-3)


def test_eight_states_change_the_coder_and_nothing_else() -> None:
    before = tiny_trellis_tensors()
    made = with_eight_states(before)
    assert context_model(made).entropy_id == "context-tiles-3"
    assert made.keys() - before.keys() == {"trellis/next_states"}
    for name, tensor in before.items():
        assert made[name] is tensor


def test_networks_of_the_mask_join(tmp_path: Path) -> None:
    tensors = tiny_trellis_tensors()
    tables = tensors["mask/tables"][::-1].copy()
    parts = {name[5:]: tensors[name] for name in tensors if name.startswith("mask/")}
    np.savez(tmp_path / "mask.npz", **{**parts, "tables": tables})
    made = with_trained(tensors, tmp_path)
    np.testing.assert_array_equal(made["mask/tables"], tables)
    assert made.keys() == tensors.keys()


def test_the_second_quantiser_costs_its_own_bits() -> None:
    labels = torch.arange(-40.0, 41.0)
    outputs = torch.tensor([0.3, 0.5]).expand(81, 2)
    for second in (None, torch.zeros(81), torch.ones(81)):
        mass = torch.exp2(-laplace_bits(labels, outputs, second)).sum().item()
        assert mass == pytest.approx(1, abs=2e-3)
    zero = laplace_bits(torch.zeros(1), outputs[:1], torch.ones(1))
    assert zero > laplace_bits(torch.zeros(1), outputs[:1], torch.zeros(1))


def test_wider_networks_start_as_the_same_function() -> None:
    torch.manual_seed(0)
    known = ContextNetworks(3, 20, 6, 4, (0.0, -1.5))
    wide = timed_contexts.widened(known, 9, 7)
    x = torch.rand(3, 50, 20)
    torch.testing.assert_close(wide(x), known(x))


def test_the_rate_rises_and_falls() -> None:
    rates = [rate_factor(share / 100) for share in range(101)]
    top = int(np.argmax(rates))
    assert rates[0] == 0
    assert max(rates) == pytest.approx(1)
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_unfinished_files_are_left(tmp_path: Path) -> None:
    for name in ("draw1.npz", "draw2.part.npz", "pair1.npz"):
        (tmp_path / name).touch()
    taken: set[str] = set()
    assert [path.name for path in new_files(tmp_path, "draw*.npz", taken)] == ["draw1.npz"]
    assert not list(new_files(tmp_path, "draw*.npz", taken))


def test_context_networks_learn_from_draws(
    draws: dict[int, SplitDraw], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "draw1.npz", **draw_arrays(draws))
    for name, value in (("FIRST_DRAWS", 1), ("DRAWS_AT_ONCE", 2), ("ROWS_AT_ONCE", 4)):
        monkeypatch.setattr(timed_contexts, name, value)
    monkeypatch.setattr(timed_contexts, "STEPS_AT_ONCE", 4)
    start = Path(str(vqcodec.load_model("vqcodec-t1-4").path))
    sizes = [((56, 16), (48, 16), (32, 16), (20, 12))]
    device = torch.device("cpu")
    timed_contexts.train_contexts(
        start, tmp_path, tmp_path, sizes=sizes, seconds=1.5, device=device, rate=1e-3
    )
    assert not (tmp_path / "draw1.npz").exists()
    for group, (hidden, _) in enumerate(sizes[0]):
        state = torch.load(tmp_path / f"contexts{group}-0.pt", weights_only=True)
        assert state["first"].shape == (56, 311, hidden)


@pytest.mark.parametrize("start_share", [0.0, 1.0])
def test_restoration_learns_from_pairs(
    start_share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    original = rng.random((52, 52, 52)).astype(np.float16)
    decoded = original + np.float16(0.05)
    pair = Pair(original, decoded, np.ones(original.shape, bool), 0.1)
    np.savez(tmp_path / "pair1.npz", **vars(pair))
    monkeypatch.setattr(timed_restoration, "FIRST_DRAWS", 1)
    network, out = RestorationNetwork(4, 1), tmp_path / "restoration.pt"
    start = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    timed_restoration.train_restoration(
        network,
        tmp_path,
        out,
        seconds=2.0,
        device=torch.device("cpu"),
        rate=1e-3,
        patches=1,
        keeps_files=True,
        start_share=start_share,
    )
    assert (tmp_path / "pair1.npz").exists()
    state = torch.load(out, weights_only=True)
    assert not start["last.weight"].any()
    assert bool(state["last.weight"].any()) == (start_share == 0)
    if start_share == 1:
        assert all(torch.equal(state[name], tensor) for name, tensor in start.items())
