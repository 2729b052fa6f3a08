"""One provider for all tests of a process: starting it takes longer than any of them."""

from collections.abc import Generator

import pytest

from support.openid import OpenIdProvider, openid_provider


@pytest.fixture(scope="session")
def upstream() -> Generator[OpenIdProvider]:
    with openid_provider() as provider:
        yield provider
