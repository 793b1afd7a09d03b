from __future__ import annotations

import pytest

from tests.golden.tiny_model import tiny_tensors
from vqcodec.entropy.context_model import ContextModel, context_model


@pytest.fixture(scope="session")
def model() -> ContextModel:
    """Return the entropy model of the golden vectors."""
    return context_model(tiny_tensors())
