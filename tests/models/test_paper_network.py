from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from vqcodec.errors import FormatError
from vqcodec.models.paper import (
    ARITHMETIC_CONFIG,
    AUTHORS_CONFIG,
    COMPACT_CONFIG,
    PaperConfig,
    PaperNetwork,
    config_from_json,
    padding_of,
    stage_prefix,
)

from .phantoms import blobs

SMALL = PaperConfig(
    stages=(2, 3, 4),
    embeddings=(8, 8, 8),
    encoder_channels=(2, 4, 8, 8, 8, 8, 8),
    decoder_channels=(8, 8, 8, 8, 4),
    codebook_size=32,
    averaging="upsampling",
)
QUICK = replace(SMALL, stem="space-to-depth", stem_channels=32, stem_blocks=1)


def made(config: PaperConfig, seed: int = 0) -> PaperNetwork:
    torch.manual_seed(seed)
    return PaperNetwork(config)


def trained(network: PaperNetwork, x: torch.Tensor, steps: int, seed: int = 1) -> list[float]:
    """Minimise the error on one volume; return the errors."""
    torch.manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    errors = []
    for _ in range(steps):
        output = network.train()(x)
        error = (output.reconstruction_B1DHW - x).square().mean()
        optimizer.zero_grad()
        (error + output.latent_loss(0.25)).backward()
        optimizer.step()
        errors.append(error.item())
    return errors


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_size_of_the_authors_network() -> None:
    network = PaperNetwork(AUTHORS_CONFIG)
    # The authors' code holds codebooks and their sums as parameters too.
    codebooks = 2 * 256 * (2 + 8 + 32)
    assert (count(network) + codebooks) / 1e6 == pytest.approx(7.88, abs=0.005)
    assert count(network.decoder) / 1e6 == pytest.approx(2.54, abs=0.005)


def test_compact_network_fits_the_wheel() -> None:
    network = PaperNetwork(COMPACT_CONFIG)
    entries = sum(b.numel() for name, b in network.named_buffers() if name.endswith("entries"))
    assert 2 * (count(network) + entries) < 12e6


def codes_in_all(config: PaperConfig, shape: tuple[int, int, int]) -> int:
    padding = padding_of(shape)
    return sum(
        stages * torch.Size(padding.grid(level)).numel()
        for level, stages in zip(("fine", "middle", "coarse"), config.stages, strict=True)
    )


def test_code_counts_of_the_paper() -> None:
    shape = (192, 256, 192)
    assert codes_in_all(AUTHORS_CONFIG, shape) == 149_796
    assert codes_in_all(ARITHMETIC_CONFIG, shape) == 314_496
    assert codes_in_all(COMPACT_CONFIG, shape) == 314_496


@pytest.mark.parametrize("config", [SMALL, QUICK, replace(SMALL, averaging="everywhere")])
@pytest.mark.parametrize("shape", [(64, 64, 64), (1, 65, 37)])
def test_shapes_and_agreement(config: PaperConfig, shape: tuple[int, int, int]) -> None:
    network = made(config).eval()
    x = blobs(shape)
    codes = network.encode(x)
    assert list(codes) == ["coarse", "middle", "fine"]
    for name, stages in zip(("fine", "middle", "coarse"), config.stages, strict=True):
        assert codes[name].dtype == torch.uint8
        assert tuple(codes[name].shape) == (1, stages, *padding_of(shape).grid(name))
    restored = network.decode(codes, shape)
    assert restored.shape == x.shape
    assert network.decode(codes).shape[2:] == padding_of(shape).padded
    output = network(x)
    assert all(torch.equal(output.codes[name], codes[name]) for name in codes)
    torch.testing.assert_close(output.reconstruction_B1DHW, restored)


def test_padding_centres_and_repeats() -> None:
    padding = padding_of((1, 65, 128))
    assert padding.padded == (64, 128, 128)
    assert padding.before == (31, 31, 0)
    with pytest.raises(ValueError, match="three sides"):
        padding_of((0, 64, 64))


def test_a_tile_is_memorised_and_every_prefix_decodes() -> None:
    # Two copies, because torch has no fast convolution for one small volume.
    x = blobs((64, 64, 64)).repeat(2, 1, 1, 1, 1)
    network = made(replace(QUICK, stem_blocks=2, stage_dropout=0.2, decay=0.8))
    errors = trained(network, x, 50)
    assert min(errors[-10:]) < 0.3 * float(x.var())
    network.eval()
    codes = network.encode(x)
    full = (network.decode(codes) - x).square().mean()
    for fine in (1, 2):
        for middle in (1, 2, 3):
            prefix = {"coarse": codes["coarse"][:, :1], "middle": codes["middle"][:, :middle]}
            prefix["fine"] = codes["fine"][:, :fine]
            volume = network.decode(prefix)
            assert torch.isfinite(volume).all()
            assert (volume - x).square().mean() >= 0.8 * full
    lowest = network.decode(network.encode(x, (1, 1, 1)))
    assert (lowest - x).square().mean() < 0.6 * x.var()


def test_the_paper_stem_learns_too() -> None:
    x = blobs((64, 64, 64))
    errors = trained(made(replace(SMALL, averaging="everywhere")), x, 6)
    assert errors[-1] < 0.9 * float(x.square().mean())


def test_same_seed_same_result_and_state_round_trip() -> None:
    x = blobs((64, 64, 64))
    dropping = replace(QUICK, stage_dropout=0.5)
    networks = [made(dropping) for _ in range(2)]
    errors = [trained(network, x, 3) for network in networks]
    assert errors[0] == errors[1]
    first, second = (network.state_dict() for network in networks)
    assert all(torch.equal(value, second[name]) for name, value in first.items())

    config = config_from_json(json.loads(json.dumps(dropping.to_json())))
    assert config == dropping
    copy = made(config, seed=5)
    copy.load_state_dict(first)
    assert trained(copy, x, 1) != errors[0][:1]
    copy.load_state_dict(first)
    codes = networks[0].eval().encode(x)
    assert all(torch.equal(codes[name], value) for name, value in copy.eval().encode(x).items())


def test_recomputing_activations_changes_nothing() -> None:
    x = blobs((64, 64, 64))
    plain, frugal = made(SMALL), PaperNetwork(SMALL, recompute=True)
    frugal.load_state_dict(plain.state_dict())
    gradients = []
    for network in (plain, frugal):
        trained(network, x, 1)
        gradients.append([parameter.grad for parameter in network.parameters()])
    for first, second in zip(*gradients, strict=True):
        torch.testing.assert_close(first, second)
    counts = [n.quantisers["fine"].codebooks[0].counts for n in (plain, frugal)]
    assert torch.equal(*counts)


@pytest.mark.parametrize("kind", ["gradient", "fsq"])
def test_other_quantisers(kind: str) -> None:
    size = 256 if kind == "fsq" else 32
    network = made(replace(QUICK, quantiser=kind, codebook_size=size))
    x = blobs((64, 64, 64))
    trained(network, x, 2)
    network.eval()
    codes = network.encode(x)
    torch.testing.assert_close(network.decode(codes), network(x).reconstruction_B1DHW)


def test_mixed_precision_keeps_quantisers_in_float32() -> None:
    network = made(QUICK)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = network(blobs((64, 64, 64)))
    assert output.latent_loss(7.0).dtype == torch.float32
    output.latent_loss(7.0).backward()
    assert network.quantisers["fine"].codebooks[0].entries.dtype == torch.float32


def broken(codes: dict[str, torch.Tensor], how: str) -> dict[str, torch.Tensor]:
    changed = {
        "missing": {name: grid for name, grid in codes.items() if name != "middle"},
        "type": {**codes, "fine": codes["fine"].long()},
        "axes": {**codes, "fine": codes["fine"][0]},
        "shape": {**codes, "fine": codes["fine"][..., :-1]},
        "stages": {**codes, "fine": codes["fine"].repeat(1, 3, 1, 1, 1)},
        "entry": {**codes, "fine": torch.full_like(codes["fine"], 255)},
        "empty": {},
    }
    return changed[how]


@pytest.mark.parametrize("how", ["missing", "type", "axes", "shape", "stages", "entry", "empty"])
def test_codes_that_do_not_fit_are_refused(how: str) -> None:
    network = made(QUICK).eval()
    codes = network.encode(blobs((64, 64, 64)))
    with pytest.raises(FormatError):
        network.decode(broken(codes, how))


@pytest.mark.parametrize(
    "change",
    [
        {"stages": (1, 1)},
        {"stages": (1, 0, 1)},
        {"embeddings": (2, 6, 32)},
        {"encoder_channels": (4, 8)},
        {"decoder_channels": (4, 8)},
        {"codebook_size": 257},
        {"stage_dropout": 1.5},
        {"stem": "other"},
        {"averaging": "never"},
        {"quantiser": "fsq", "codebook_size": 32},
    ],
)
def test_settings_that_make_no_network(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        replace(AUTHORS_CONFIG, **change)


def test_unknown_settings_and_wrong_types() -> None:
    with pytest.raises(ValueError, match="unknown settings"):
        config_from_json({"width": 3})
    with pytest.raises(ValueError, match="settings"):
        config_from_json({"stages": 3})


def test_stage_prefixes() -> None:
    assert stage_prefix(ARITHMETIC_CONFIG, 1.0) == (2, 8, 32)
    assert stage_prefix(ARITHMETIC_CONFIG, 0.5) == (1, 4, 16)
    assert stage_prefix(ARITHMETIC_CONFIG, 0.01) == (1, 1, 1)
