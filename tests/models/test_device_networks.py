"""Context networks on a device, here the CPU as torch sees it: the same integers and files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import vqcodec.codec
import vqcodec.coding
import vqcodec.entropy.batches
import vqcodec.models.device_networks
from tests.codec.phantoms import head
from tests.entropy.test_network import INPUTS, inputs_for, networks_near_the_bounds
from vqcodec import VQZ, encode
from vqcodec.codec import decode_volume
from vqcodec.errors import VqzError
from vqcodec.models.device_networks import DeviceNetworks, networks_on
from vqcodec.models.families import Model
from vqcodec.models.wavelet_family import WaveletModel, wavelet_model_on
from vqcodec.networks import network_of, network_on
from vqcodec.registry import LoadedModel

CPU = torch.device("cpu")


def wavelet_network_of(loaded: LoadedModel) -> WaveletModel:
    model = network_of(loaded)
    assert isinstance(model, WaveletModel)
    return model


def placed(loaded: LoadedModel, device: torch.device) -> WaveletModel:
    """The model as on another device than the CPU."""
    return wavelet_model_on(wavelet_network_of(loaded), device)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 7, 100]))
def test_outputs_are_those_of_the_cpu(seed: int, count: int) -> None:
    networks = networks_near_the_bounds(seed)
    columns = np.flatnonzero(np.random.default_rng(seed).random(INPUTS) < 0.8)
    inputs = inputs_for(networks, seed, count)[columns]
    on_device = networks_on(networks, CPU)
    for number in range(2):
        expected = networks.outputs(number, columns, inputs)
        assert np.array_equal(on_device.outputs(number, columns, inputs), expected)


@pytest.mark.parametrize(("at_once", "cores"), [(1 << 16, 1), (1000, 2)])
def test_files_are_the_same(monkeypatch: pytest.MonkeyPatch, at_once: int, cores: int) -> None:
    array = head((70, 40, 36)).astype(np.float32)
    expected = encode(array, quality=5, force=True, device="cpu")
    voxels = decode_volume(expected, device="cpu").array
    monkeypatch.setattr(vqcodec.models.device_networks, "POSITIONS_AT_ONCE", at_once)
    monkeypatch.setattr(vqcodec.entropy.batches, "usable_cores", lambda: cores)
    for module in (vqcodec.codec, vqcodec.coding):
        monkeypatch.setattr(module, "network_on", placed)
    found = encode(array, quality=5, force=True, device="cpu")
    assert found.to_bytes() == expected.to_bytes()
    reopened = VQZ.from_bytes(found.to_bytes())
    assert np.array_equal(decode_volume(reopened, device="cpu").array, voxels)


def test_a_device_that_miscounts_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(loaded: LoadedModel, device: torch.device) -> Model:
        model = placed(loaded, device)
        first, *others = model.entropy.groups
        assert isinstance(first.networks, DeviceNetworks)
        off = replace(first.networks, last_bias=first.networks.last_bias + (1 << 16))
        groups = (replace(first, networks=off), *others)
        return replace(model, entropy=replace(model.entropy, groups=groups))

    for module in (vqcodec.codec, vqcodec.coding):
        monkeypatch.setattr(module, "network_on", wrong)
    with pytest.raises((RuntimeError, VqzError)):
        encode(head().astype(np.float32), quality=5, force=True, device="cpu")


def test_a_model_is_put_on_a_device_once() -> None:
    loaded = vqcodec.load_model()
    model = wavelet_network_of(loaded)
    assert network_on(loaded, CPU) is model
    with pytest.raises(TypeError, match="another device already"):
        wavelet_model_on(placed(loaded, CPU), CPU)
    kept = wavelet_model_on(model, CPU, with_contexts=False)
    assert kept.entropy is model.entropy
    assert kept.restoration is not model.restoration
