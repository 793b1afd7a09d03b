from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_ROOT = Path(__file__).resolve().parent.parent

settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-vectors",
        action="store_true",
        help="write the files of tests/vectors again instead of comparing with them",
    )


@pytest.fixture
def update_vectors(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-vectors"))


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Return the folder of real scans, or skip: it is not part of the repository."""
    place = Path(os.environ.get("VQCODEC_DATA") or _ROOT.parent / "shared" / "data")
    if not (place / "manifest.csv").is_file():
        pytest.skip(f"no real scans in {place} (set VQCODEC_DATA to the folder of manifest.csv)")
    return place
