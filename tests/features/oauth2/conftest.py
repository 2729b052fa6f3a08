"""What tests of the authorization server share."""

from collections.abc import AsyncIterator

import pytest

from features.oauth2.party import Party
from support.house import House, login


@pytest.fixture
async def party(house: House) -> AsyncIterator[Party]:
    """Pia signed in at her browser, and a public client."""
    await house.make_user("pia", email="pia@example.com", nickname="P")
    async with house.browser() as browser, house.browser("198.51.100.9") as app:
        await login(browser, "pia")
        built = Party(house, browser, app)
        await built.make_client(token_endpoint_auth_method="none")
        yield built
