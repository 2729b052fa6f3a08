"""Fixtures of usage."""

import pytest

from features.usage.till import Till
from support.crowd import Crowd


@pytest.fixture
def till(crowd: Crowd) -> Till:
    """Nobody has called a model yet."""
    return Till(crowd)
