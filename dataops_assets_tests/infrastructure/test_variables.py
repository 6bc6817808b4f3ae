"""`dataops export infra`: what Terraform is told of the contracts, where it is written, and when it is stale."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataops_assets.catalog import load_catalog
from dataops_assets.cli.main import cli
from dataops_assets.contract import Catalog, ContractError
from dataops_assets.contract.policy import ZONES
from dataops_assets.infrastructure.variables import as_text, files, variables
from dataops_assets.lifecycle.rules import as_terraform, rules
from dataops_assets.storage import conformance, layout
from dataops_assets_tests.checkout import PROJECT
from dataops_assets_tests.contract.broken import DAILY, POLICY, READINGS, STATIONS
from dataops_assets_tests.trees import Tree

CATALOG = load_catalog()


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A tree of contracts as the package of a clone, whose infrastructure lies beside it."""
    tree = Tree(tmp_path / "package")
    monkeypatch.setattr("dataops_assets.catalog.DEFS", tree.defs)
    for file in files(tmp_path / "infra"):
        file.parent.mkdir(parents=True)
    return tree


def export(*words: str) -> Result:
    return CliRunner().invoke(cli, ["export", "infra", *words], catch_exceptions=True)


# What is told.


def test_readers_lifecycles_and_providers_are_those_of_the_contracts(tree: Tree) -> None:
    tree.edit(READINGS, "lifecycle: standard", "lifecycle: {class: standard, reason: it is small, staged: 1 year}")
    tree.edit(STATIONS, "readers: [analysts, press]", "readers: [press, branches, analysts]")
    told = variables(tree.catalog())
    assert told["reader_groups"] == {
        "analysts": "Who builds reports.",
        "press": "Who tells the public.",
        "branches": "Branch and dev deployments.",
    }
    assert told["readers_classes"] == ["analysts+branches+press", "analysts+press", "branches", "nobody"]
    assert told["lifecycle_classes"] == ["deployment", "probe", "standard", "standard@1 year"]
    assert told["data_providers"] == {"the-lab": {"name": "The lab", "landing": ["readings", "stations"]}}
    assert told["retention"] == {
        "lock_days": 14,
        "query_results_days": 7,
        "logs_days": 90,
        "images_days": 365,
        "backups_days": 35,
    }


def test_every_tag_that_is_written_is_one_that_terraform_is_told_of() -> None:
    told = variables(CATALOG)
    tags = [layout.tags(dataset, zone) for dataset in CATALOG for zone in ZONES]
    for written in (*tags, layout.MARK_TAGS, conformance.TAGS):
        assert written["readers"] in told["readers_classes"]
        assert written["lifecycle"] in told["lifecycle_classes"]


def test_a_provider_that_is_not_said_gets_no_role_and_that_is_told(clone: Tree) -> None:
    clone.edit(STATIONS, "provider: The lab", "provider: unknown  # say who delivers")
    assert variables(clone.catalog())["data_providers"] == {"the-lab": {"name": "The lab", "landing": ["readings"]}}
    for words in ((), ("--check",)):
        done = export(*words)
        assert done.exit_code == 0, done.output
        assert "defs/stations/defs.yaml:" in done.output
        assert "the provider is `unknown`: no role is made that may drop into landing/stations/\n" in done.output
        assert "remedy: say who delivers, and run `dataops export infra` again\n" in done.output


def test_rules_of_buckets_are_those_of_dataops_export_lifecycle() -> None:
    told = variables(CATALOG)["lifecycle_rules"]
    assert told == {bucket: as_terraform(rules(CATALOG, bucket))["rule"] for bucket in ("landing", "prod", "dev", "audit")}


def test_tables_tell_columns_and_partitions(tree: Tree) -> None:
    told = variables(tree.catalog())["tables"]
    assert {zone: sorted(names) for zone, names in told.items()} == {"staged": ["readings", "stations"], "curated": ["daily"]}
    readings = told["staged"]["readings"]
    assert readings["columns"][:2] == [
        {"name": "station", "type": "string", "comment": "Where"},
        {"name": "day", "type": "date", "comment": "Local day"},
    ]
    assert readings["partition"] == {"name": "date", "every": "day", "start": "2024-01-01", "end": "2024-01-20"}
    assert (readings["description"], readings["owner"]) == ("One hour at one station.", "lab")
    assert (readings["classification"], readings["readers"]) == ("public", ["analysts", "press"])
    assert told["curated"]["daily"]["partition"] == {"name": "month", "every": "month", "start": "2024-01", "end": "2024-01"}
    assert told["staged"]["stations"]["partition"] is None


def test_partitions_without_an_end_have_none_and_those_of_what_ends_have_that(tree: Tree) -> None:
    tree.edit(READINGS, "    end: 2024-01-20\n", "")
    tree.edit(DAILY, ", end: 2024-01,", ",")
    assert variables(tree.catalog())["tables"]["staged"]["readings"]["partition"]["end"] is None
    tree.edit(READINGS, "  tolerance: 0.5", "  tolerance: 0.5\n  ends: {after: 2024-02-10, instead: stations}")
    assert variables(tree.catalog())["tables"]["staged"]["readings"]["partition"]["end"] == "2024-02-10"


def test_keys_of_partitions_are_those_of_the_objects() -> None:
    for zone, tables in variables(CATALOG)["tables"].items():
        for name, table in tables.items():
            dataset = CATALOG[name]
            if partition := table["partition"]:
                assert dataset.partitions
                for key in (partition["start"], partition["end"]):
                    assert layout.data(zone, dataset, key) == f"{zone}/{name}/{partition['name']}={key}/data.parquet"
                    assert dataset.partitions.first_day(key)


def test_a_provider_who_is_asked_drops_nothing(tree: Tree) -> None:
    tree.write("readings/fetch.py", "def fetch(partition, folder):\n    ...\n")
    assert variables(tree.catalog())["data_providers"] == {"the-lab": {"name": "The lab", "landing": ["stations"]}}


def test_equal_contracts_give_equal_bytes_in_whatever_order() -> None:
    text = as_text(CATALOG)
    assert as_text(Catalog(CATALOG.policy, reversed(list(CATALOG)), CATALOG.source)) == text
    assert text.endswith("}\n")
    assert list(json.loads(text)) == sorted(json.loads(text))


# What AWS cannot express.

PROVIDER = "provider: The lab"
LONG = "The Bureau of All the Statistics of This Country"


@pytest.mark.parametrize(
    ("edit", "told", "remedy"),
    [
        ((POLICY, "logs: 90 days", "logs: 100 days"), "`logs`: a log group of CloudWatch keeps nothing for 100", "`logs: 90"),
        (
            (POLICY, "backups: 35 days", "backups: 36 days"),
            "`backups`: RDS keeps them for 35 days at most",
            "`backups: 35 days`",
        ),
        ((POLICY, "press: Who", "press:now: Who"), "`press:now` cannot be part of the name of a role", "call the group by"),
        ((POLICY, "press: Who", f"{'p' * 40}: Who"), f"`{'p' * 40}` has 40 characters", "shorten it"),
        ((STATIONS, PROVIDER, f"provider: {LONG}"), "a role of IAM is named after the provider", "shorten the name"),
        ((STATIONS, PROVIDER, "provider: 気象庁"), "`気象庁` has no Latin letter", "write the name in Latin letters"),
        (
            (STATIONS, PROVIDER, "provider: the LAB"),
            "`the LAB` and `The lab` would share the role",
            "write a provider's name alike",
        ),
    ],
    ids=["logs", "backups", "group", "long_group", "long_provider", "no_latin_letter", "provider_twice"],
)
def test_what_aws_cannot_express_is_told_with_file_and_line(
    tree: Tree, edit: tuple[str, str, str], told: str, remedy: str
) -> None:
    file, _, new = edit
    tree.edit(*edit)
    if file == POLICY and "press" not in new:
        for name in (READINGS, STATIONS, DAILY):
            tree.edit(name, "[analysts, press]", "[analysts]")
    elif file == POLICY:
        for name in (READINGS, STATIONS, DAILY):
            tree.edit(name, "[analysts, press]", "[analysts, 'press:now']")
    catalog = tree.catalog()
    with pytest.raises(ContractError) as caught:
        variables(catalog)
    [problem] = caught.value.problems
    assert (problem.file, problem.line) == (f"defs/{file}", tree.line(file, new.strip()))
    assert problem.message.startswith(told)
    assert remedy in problem.remedy


def test_every_mistake_is_told_at_once(tree: Tree) -> None:
    tree.edit(POLICY, "logs: 90 days", "logs: 100 days")
    tree.edit(STATIONS, PROVIDER, "provider: 気象庁")
    tree.edit("readings/schema.py", "hour: pl.Int8", "hour: pl.UInt32")
    with pytest.raises(ContractError) as caught:
        variables(tree.catalog())
    assert [problem.file for problem in caught.value.problems] == [
        f"defs/{POLICY}",
        "defs/readings/schema.py",
        f"defs/{STATIONS}",
    ]


@pytest.mark.parametrize("name", ["Press", "press.now", "press__now", "-press", "press@night"])
def test_a_group_whose_name_would_not_stand_in_patterns_and_names_of_roles(tree: Tree, name: str) -> None:
    tree.edit(POLICY, "  press: Who tells the public.", f"  press: Who tells the public.\n  {name}: Who prints.")
    with pytest.raises(ContractError, match=f"`{name}` cannot be part of the name of a role of IAM") as caught:
        variables(tree.catalog())
    assert caught.value.problems[0].line == tree.line(POLICY, name)


# Where it is written.


def test_it_is_written_for_each_environment_and_then_up_to_date(clone: Tree, tmp_path: Path) -> None:
    done = export()
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "wrote infra/environments/dev/contracts.auto.tfvars.json",
        "wrote infra/environments/prod/contracts.auto.tfvars.json",
    ]
    dev, prod = (file.read_text() for file in files(tmp_path / "infra"))
    assert dev == prod == as_text(clone.catalog())
    checked = export("--check")
    assert checked.exit_code == 0
    assert checked.output.count("is up to date") == 2


def test_what_is_stale_is_told_line_by_line_and_fails(clone: Tree, tmp_path: Path) -> None:
    export()
    clone.edit(POLICY, "locked: 14 days", "locked: 7 days")
    before = [file.read_bytes() for file in files(tmp_path / "infra")]
    done = export("--check")
    assert done.exit_code == 1
    told = "infra/environments/prod/contracts.auto.tfvars.json is stale: run `dataops export infra` and commit it"
    assert told in done.output
    assert '-    "lock_days": 14,' in done.output
    assert '+    "lock_days": 7,' in done.output
    assert [file.read_bytes() for file in files(tmp_path / "infra")] == before, "nothing is written"


def test_what_is_not_there_fails(clone: Tree, tmp_path: Path) -> None:
    assert clone.catalog()
    done = export("--check")
    assert done.exit_code == 1
    assert done.output.count("is missing: run `dataops export infra` and commit it") == 2


def test_an_installed_package_without_infrastructure_says_what_to_do(clone: Tree, tmp_path: Path) -> None:
    for file in files(tmp_path / "infra"):
        file.parent.rmdir()
    for words in ((), ("--check",)):
        done = export(*words)
        assert done.exit_code == 1
        assert f"there is no folder {tmp_path / 'infra/environments/dev'}: run it from a clone of the project" in done.output


def test_what_is_committed_is_what_would_be_written() -> None:
    text = as_text(CATALOG)
    for file in files(PROJECT / "infra"):
        assert file.read_text(encoding="utf-8") == text, f"{file}: run `dataops export infra`"
