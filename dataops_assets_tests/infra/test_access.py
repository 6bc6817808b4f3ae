"""What infra/render.py reads in a plan, and that what is committed of it is what is planned: the matrix looks at that alone."""

import importlib.util
import json
from typing import Any

import pytest

from dataops_assets_tests.infra.terraform import ALONE, ENVIRONMENTS, INFRA, NOBODY, Copy


@pytest.fixture(scope="module")
def render() -> Any:
    script = importlib.util.spec_from_file_location("render", INFRA / "render.py")
    assert script
    assert script.loader
    module = importlib.util.module_from_spec(script)
    script.loader.exec_module(module)
    return module


@pytest.mark.terraform
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_is_committed_is_what_is_planned(
    render: Any, infra: Copy, planned: dict[str, dict[str, Any]], environment: str
) -> None:
    infra.override("bootstrap", NOBODY + ALONE)
    infra.init("bootstrap")
    states = infra.shown("bootstrap", f"-var-file=../environments/{environment}/terraform.tfvars")
    found = render.access([planned[environment], states])
    committed = json.loads((INFRA / "access" / f"{environment}.json").read_text())
    assert found == committed, "infra/access is not what is planned: `make access`, and look at what has changed"
