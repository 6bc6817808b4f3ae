"""Who cannot be told is told later, and the address of the webhook, which is a secret, is in no log."""

from datetime import UTC, datetime

import pytest

from dataops_assets.contract.policy import Owner
from dataops_assets.lifecycle.area import Area
from dataops_assets.lifecycle.telling import Teller

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("webhook", ["http://127.0.0.1:secret/", "http://127.0.0.1:1/a secret"])
def test_an_address_that_means_nothing_is_not_repeated(webhook: str) -> None:
    area = Area(kind="adhoc", name="a", owner="lab", used_at=NOW, since=NOW)
    with pytest.raises(OSError, match="the webhook cannot be told") as caught:
        Teller({"lab": Owner(description="Measures.", contact="lab@example.com")}, webhook)(area, NOW)
    assert "secret" not in str(caught.value)
