from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from vqcodec.errors import ModelUnavailableError
from vqcodec.registry import ModelEntry, Places, load_weights

MakeModel = Callable[..., ModelEntry]


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Return a folder and the address it is served at."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = HTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_weights_are_downloaded_once(
    served: tuple[Path, str], places: Places, make_model: MakeModel
) -> None:
    folder, address = served
    entry = make_model(folder / "far-1.safetensors", "far-1", url=f"{address}/far-1.safetensors")
    places = replace(places, entries=(entry,))
    model = load_weights("far-1", places=places)
    assert model.path == places.cache / f"{entry.sha256}.safetensors"
    assert [path.name for path in places.cache.iterdir()] == [model.path.name]
    (folder / "far-1.safetensors").unlink()
    assert load_weights(expected_sha256=entry.sha256, places=places) is model


def test_a_download_of_another_model_is_refused(
    served: tuple[Path, str], places: Places, make_model: MakeModel
) -> None:
    folder, address = served
    other = make_model(folder / "far-1.safetensors", "far-1", seed=1)
    entry = replace(other, sha256="0" * 64, url=f"{address}/far-1.safetensors")
    with pytest.raises(ModelUnavailableError, match=f"it has sha256 {other.sha256}, expected 0000"):
        load_weights("far-1", places=replace(places, entries=(entry,)))
    assert list(places.cache.iterdir()) == []


def test_a_damaged_cache_is_downloaded_again(
    served: tuple[Path, str], places: Places, make_model: MakeModel
) -> None:
    folder, address = served
    entry = make_model(folder / "far-1.safetensors", "far-1", url=f"{address}/far-1.safetensors")
    places.cache.mkdir(parents=True)
    (places.cache / f"{entry.sha256}.safetensors").write_bytes(b"cut short")
    assert load_weights("far-1", places=replace(places, entries=(entry,))).sha256 == entry.sha256


def test_a_failed_download_says_what_to_do(
    served: tuple[Path, str], places: Places, make_model: MakeModel, tmp_path: Path
) -> None:
    _, address = served
    made = make_model(tmp_path / "elsewhere" / "far-1.safetensors", "far-1")
    for url in (f"{address}/gone.safetensors", "http://127.0.0.1:1/far-1.safetensors"):
        entry = replace(made, url=url)
        with pytest.raises(ModelUnavailableError, match=r"download of .* failed .*VQZ_MODEL_PATH"):
            load_weights("far-1", places=replace(places, entries=(entry,)))
