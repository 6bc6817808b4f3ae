"""What tests of infra/ may ask for."""

from typing import Any

import pytest

from dataops_assets_tests.infra import terraform
from dataops_assets_tests.infra.terraform import ENVIRONMENTS, Copy, Missing


@pytest.fixture(scope="session")
def infra(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy of infra/ for the tests that change nothing in it; without Terraform they are skipped."""
    try:
        copy = terraform.copy(tmp_path_factory.mktemp("terraform"))
        copy.init("modules/storage")
    except Missing as missing:
        pytest.skip(str(missing))
    return copy


@pytest.fixture(scope="session")
def planned(infra: Copy) -> dict[str, dict[str, Any]]:
    """By environment, what would be made where nothing is."""
    return {environment: infra.plan(environment) for environment in ENVIRONMENTS}
