"""What infra/render.py reads in a plan, and that what is committed of it is what is planned: the matrix looks at that alone."""

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from dataops_assets_tests.infra.plans import BUCKET, plan, resource
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


@pytest.mark.terraform
def test_what_is_committed_of_the_repository_is_what_terraform_evaluates(render: Any) -> None:
    committed = json.loads((INFRA / "github" / "rules.json").read_text())
    assert render.repository() == committed, "infra/github/rules.json: `make access`, and look at what has changed"


@pytest.mark.parametrize(
    ("file", "said", "refused"),
    [
        ("more.tf", 'resource "github_team" "open" { privacy = "closed" }\n', r"more\.tf: .*github_team"),
        ("more.tf", "/*\n# */ output x { value = 1 }\n", r"more\.tf: a comment is written with #"),
        ("more.tf", 'locals {\n  x = ["a/**/*", /* "\n# */ 1]\n}\n', r"more\.tf: a comment is written with #"),
        ("more.tf", 'locals {\n  x = "${"a" /* }"\n# */ }"\n}\n', r"more\.tf: a comment is written with #"),
        ("more.tf.json", '{"output": {"x": {"value": 1}}}', r"more\.tf\.json: it is not known"),
        ("more.auto.tfvars", "infra_reviewers = []\n", r"more\.auto\.tfvars: it is not known"),
        ("more_override.tf", 'locals {\n  main = "x"\n}\n', r"more_override\.tf: what it overrides"),
        ("more.tf", 'locals {\n  x = fileexists("told.tf")\n}\n', r"more\.tf:2: by `fileexists`"),
        ("rules.tf", 'output "x" {\n  value = 1\n}\n', r"rules\.tf: it has blocks `locals` alone, write output x"),
        ("variables.tf", 'resource "terraform_data" "x" {\n}\n', r"variables\.tf: it has blocks `variable` alone"),
    ],
)
def test_what_is_told_to_github_in_a_form_that_is_not_read_is_refused(
    render: Any, tmp_path: Path, file: str, said: str, refused: str
) -> None:
    shutil.copytree(INFRA / "github", tmp_path / "github", ignore=shutil.ignore_patterns(".terraform*"))
    with (tmp_path / "github" / file).open("a") as more:
        more.write(said)
    with pytest.raises(render.NotRendered, match=refused):
        render.repository(tmp_path)


@pytest.mark.parametrize(("root", "name", "wrong"), [("environments/dev", "prefix", "prefx"), ("github", "github", "gihub")])
def test_a_value_of_no_variable_is_told_with_its_line(render: Any, tmp_path: Path, root: str, name: str, wrong: str) -> None:
    shutil.copytree(INFRA / root, tmp_path / root, ignore=shutil.ignore_patterns(".terraform*"))
    file = tmp_path / root / "terraform.tfvars"
    lines = file.read_text(encoding="utf-8").splitlines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith(f"{name} ")]
    lines[at] = lines[at].replace(name, wrong, 1)
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(render.NotRendered) as refused:
        render.repository(tmp_path) if root == "github" else render.plan("dev", tmp_path)
    said = f"{Path(root).name}/terraform.tfvars:{at + 1}: no variable is called `{wrong}`: did you mean `{name}`?"
    assert str(refused.value) == said


def rule(status: str = "Enabled", days: int | None = None, versions: int | None = None, **below: Any) -> dict[str, Any]:
    """A rule of a lifecycle, as a plan has it."""
    return {
        "status": status,
        "filter": [below],
        "expiration": [{"days": days}] if days else [],
        "noncurrent_version_expiration": [{"noncurrent_days": versions}] if versions else [],
    }


def test_what_a_bucket_locks_and_ends_is_rendered(render: Any) -> None:
    rules = [
        rule(days=400, prefix=""),
        rule(versions=30, prefix=""),
        rule(days=500, prefix=""),
        rule("Disabled", days=1, prefix=""),
        rule(days=90, versions=7, **{"and": [{"prefix": "raw/", "tags": {"lifecycle": "short"}}]}),
    ]
    found = render.access(
        [
            plan(
                resource("aws_s3_bucket", bucket="company-prod"),
                resource("aws_s3_bucket_lifecycle_configuration", bucket="company-prod", rule=rules),
                resource(
                    "aws_s3_bucket_object_lock_configuration",
                    bucket="company-prod",
                    rule=[{"default_retention": [{"mode": "GOVERNANCE", "days": 14, "years": None}]}],
                ),
            )
        ]
    )
    assert found["buckets"]["company-prod"] == {
        "policy": None,
        "lock": {"mode": "GOVERNANCE", "days": 14},
        "ends": {
            "everything": {"objects": 400, "old versions": 30},
            "raw/ of lifecycle=short": {"objects": 90, "old versions": 7},
        },
    }


@pytest.mark.parametrize(
    "below", [{"tag": [{"key": "a", "value": "b"}]}, {"and": [{"prefix": "raw/", "object_size_less_than": 5}]}]
)
def test_a_rule_about_what_is_not_read_is_refused(render: Any, below: dict[str, Any]) -> None:
    rules = [rule(days=1, **below)]
    with pytest.raises(render.NotRendered, match=r"`(tag|object_size_less_than)` is not read"):
        render.access([plan(BUCKET, resource("aws_s3_bucket_lifecycle_configuration", bucket="company-prod", rule=rules))])


@pytest.mark.parametrize(
    "rules", [[], [{"default_retention": []}], [{"default_retention": [{"mode": "GOVERNANCE", "days": None, "years": 1}]}]]
)
def test_a_lock_that_does_not_say_how_many_days_is_refused(render: Any, rules: list[Any]) -> None:
    with pytest.raises(render.NotRendered, match=r"default_retention|say how long in `days`"):
        render.access([plan(BUCKET, resource("aws_s3_bucket_object_lock_configuration", bucket="company-prod", rule=rules))])


@pytest.mark.parametrize(
    ("network", "ranges"),
    [
        ([{"endpoint_public_access": False, "public_access_cidrs": None}], []),
        ([{"endpoint_public_access": True, "public_access_cidrs": ["192.0.2.0/24"]}], ["192.0.2.0/24"]),
        ([{"endpoint_public_access": True}], ["0.0.0.0/0"]),
        ([{"endpoint_public_access": True, "public_access_cidrs": []}], ["0.0.0.0/0"]),
        ([], ["0.0.0.0/0"]),
    ],
)
def test_from_where_a_cluster_is_reached_is_rendered(render: Any, network: list[Any], ranges: list[str]) -> None:
    found = render.access([plan(resource("aws_eks_cluster", name="company-prod", vpc_config=network))])
    assert found["clusters"]["company-prod"]["reached_from"] == ranges


def test_what_gives_no_access_is_passed_over(render: Any) -> None:
    found = render.access(
        [plan(resource("aws_vpc", cidr_block="10.0.0.0/16"), resource("aws_s3_bucket", bucket="company-prod"))]
    )
    assert found["buckets"] == {"company-prod": {"policy": None, "lock": None, "ends": {}}}
