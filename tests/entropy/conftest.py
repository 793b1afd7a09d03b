from __future__ import annotations

import pytest

from tests.golden.tiny_model import tiny_tensors
from tests.golden.tiny_tiles import tiny_tiles_tensors
from vqcodec.entropy.context_model import ContextModel, context_model


@pytest.fixture(scope="session")
def model() -> ContextModel:
    """Return the entropy model of the golden vectors."""
    return context_model(tiny_tensors())


@pytest.fixture(scope="session")
def tiles_model() -> ContextModel:
    """Return that of the vectors of coder ``context-tiles-1``."""
    return context_model(tiny_tiles_tensors())


@pytest.fixture(scope="session", params=["context-range-1", "context-tiles-1"])
def any_model(
    request: pytest.FixtureRequest, model: ContextModel, tiles_model: ContextModel
) -> ContextModel:
    """Return one and the other."""
    return {each.entropy_id: each for each in (model, tiles_model)}[request.param]
