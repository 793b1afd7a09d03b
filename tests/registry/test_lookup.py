from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vqcodec.errors import ModelUnavailableError
from vqcodec.registry import ModelEntry, Places, list_models, load_weights, locate_weights

MakeModel = Callable[..., ModelEntry]
WRONG = "0" * 64


@pytest.fixture
def packaged(places: Places, make_model: MakeModel) -> Places:
    """Return places whose package holds the default model ``toy-1``."""
    entry = make_model(places.package / "toy-1.safetensors", default=True)
    return replace(places, entries=(entry,))


def test_the_default_model_comes_with_the_package(packaged: Places) -> None:
    model = load_weights(places=packaged)
    assert model.id == "toy-1"
    assert model.path == packaged.package / "toy-1.safetensors"


def test_a_model_is_found_by_id_and_by_identity(packaged: Places) -> None:
    sha256 = packaged.entries[0].sha256
    assert load_weights("toy-1", places=packaged).sha256 == sha256
    assert load_weights("renamed", expected_sha256=sha256, places=packaged).sha256 == sha256
    assert load_weights(expected_sha256=sha256, places=packaged).sha256 == sha256


def test_the_user_place_comes_before_the_package(
    packaged: Places, make_model: MakeModel, tmp_path: Path
) -> None:
    mine = tmp_path / "mine" / "copy.safetensors"
    make_model(mine, "a copy of toy-1")
    for user in (mine, mine.parent):
        assert locate_weights("toy-1", places=replace(packaged, user=(user,))) == mine


def test_another_model_of_a_known_name_is_passed_over(
    packaged: Places, make_model: MakeModel, tmp_path: Path
) -> None:
    make_model(tmp_path / "mine" / "toy-1.safetensors", seed=9)
    places = replace(packaged, user=(tmp_path / "mine",))
    assert load_weights("toy-1", places=places).path.parent == packaged.package


def test_a_model_that_only_the_user_has(
    packaged: Places, make_model: MakeModel, tmp_path: Path
) -> None:
    entry = make_model(tmp_path / "mine" / "mine.safetensors", "mine-1", seed=3)
    places = replace(packaged, user=(tmp_path / "mine",))
    assert load_weights("mine-1", places=places).sha256 == entry.sha256
    assert load_weights("mine-1", expected_sha256=entry.sha256, places=places).id == "mine-1"
    assert [model.id for model in list_models(places)] == ["toy-1", "mine-1"]
    assert list_models(places)[1].source == str(tmp_path / "mine" / "mine.safetensors")


def test_two_models_of_one_name_are_ambiguous(
    places: Places, make_model: MakeModel, tmp_path: Path
) -> None:
    make_model(tmp_path / "a.safetensors", "mine-1", seed=3)
    make_model(tmp_path / "b.safetensors", "mine-1", seed=4)
    with pytest.raises(ModelUnavailableError, match="'mine-1' is ambiguous"):
        load_weights("mine-1", places=replace(places, user=(tmp_path,)))


def test_a_name_that_comes_from_a_file_is_never_a_path(
    packaged: Places, make_model: MakeModel, tmp_path: Path
) -> None:
    path = tmp_path / "elsewhere" / "mine.safetensors"
    entry = make_model(path, "mine-1", seed=3)
    for name in (str(path), "../elsewhere/mine.safetensors", "/dev/zero"):
        with pytest.raises(ModelUnavailableError, match="is not here"):
            load_weights(name, expected_sha256=entry.sha256, places=packaged)


def test_a_weights_file_can_be_named_by_its_path(
    packaged: Places, make_model: MakeModel, tmp_path: Path
) -> None:
    path = tmp_path / "mine.safetensors"
    entry = make_model(path, "mine-1", seed=3)
    assert load_weights(path, places=packaged).sha256 == entry.sha256
    assert load_weights(str(path), places=packaged).sha256 == entry.sha256
    with pytest.raises(ModelUnavailableError, match=f"sha256 {entry.sha256}, expected {WRONG}"):
        load_weights(path, expected_sha256=WRONG, places=packaged)


def test_the_cache_serves_what_the_index_does_not_know(
    packaged: Places, make_model: MakeModel
) -> None:
    made = make_model(packaged.cache / "x.safetensors", "old-1", seed=5)
    cached = packaged.cache / f"{made.sha256}.safetensors"
    (packaged.cache / "x.safetensors").rename(cached)
    assert locate_weights("old-1", expected_sha256=made.sha256, places=packaged) == cached


def test_a_wrong_embedded_file_is_refused(packaged: Places, make_model: MakeModel) -> None:
    path = packaged.package / "toy-1.safetensors"
    path.unlink()
    other = make_model(path, seed=8)
    with pytest.raises(ModelUnavailableError, match=f"{other.sha256}, expected .*reinstall"):
        load_weights(places=packaged)


def test_missing_weights_say_what_to_do(
    packaged: Places, make_model: MakeModel, tmp_path: Path
) -> None:
    impostor = make_model(tmp_path / "mine" / "toy-1.safetensors", seed=9)
    (tmp_path / "mine" / "broken.safetensors").write_bytes(b"broken")
    places = replace(packaged, user=(tmp_path / "mine",))
    with pytest.raises(ModelUnavailableError) as caught:
        load_weights("toy-1", expected_sha256=WRONG, places=places)
    text = str(caught.value)
    assert f"model 'toy-1' with sha256 {WRONG} is not here" in text
    assert f"toy-1.safetensors has sha256 {impostor.sha256}" in text
    assert "broken.safetensors: not a vqcodec weights file" in text
    assert f"the one of this package has sha256 {packaged.entries[0].sha256}" in text
    assert "VQZ_MODEL_PATH" in text
    assert "\n" not in text


def test_unknown_names_and_no_default(packaged: Places, places: Places) -> None:
    with pytest.raises(ModelUnavailableError, match=r"no model 'x' \(known: toy-1\)"):
        load_weights("x", places=packaged)
    with pytest.raises(ModelUnavailableError, match="no default model"):
        load_weights(places=places)


def test_the_environment_names_places(
    monkeypatch: pytest.MonkeyPatch, make_model: MakeModel, tmp_path: Path
) -> None:
    make_model(tmp_path / "b" / "mine.safetensors", "mine-1", seed=3)
    monkeypatch.setenv("VQZ_MODEL_PATH", f"{tmp_path / 'nowhere'}:{tmp_path / 'b'}:")
    assert "mine-1" in [model.id for model in list_models()]
    assert load_weights("mine-1").license == "CC0-1.0"
