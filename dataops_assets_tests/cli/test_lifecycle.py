"""`dataops lifecycle` and `dataops export lifecycle`."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dataops_assets.catalog import load_catalog
from dataops_assets.cli.main import cli
from dataops_assets.contract.policy import ZONES
from dataops_assets.lifecycle.rules import rules
from dataops_assets.storage.folder import Folder
from dataops_assets_tests.checkout import PROJECT

HEADER = ["what", "kept for", "besides", "stated in", "ended by"]
LONG_AGO = 1_400_000_000
"""2014, in seconds."""


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("DATAOPS_DATA", str(tmp_path))
    monkeypatch.delenv("DATAOPS_DEPLOYMENT", raising=False)
    return Folder(tmp_path)


def asked(*words: str) -> Result:
    return CliRunner().invoke(cli, words, catch_exceptions=False)


def write(store: Folder, key: str) -> None:
    store.write(key, b"x" * 1_500_000, {})
    os.utime(store.path(key), (LONG_AGO, LONG_AGO))


def test_terraform_ends_what_it_is_told_the_days_of_and_nothing_else() -> None:
    terms = json.loads(asked("lifecycle", "--json").stdout)["terms"]
    ended = {one["what"].replace(" ", "_") for one in terms if one["ends_by"] == "Terraform"}
    for environment in ("dev", "prod"):
        file = PROJECT / f"infra/environments/{environment}/contracts.auto.tfvars.json"
        told = {name.removesuffix("_days") for name in json.loads(file.read_text(encoding="utf-8"))["retention"]}
        assert ended == told - {"lock"}  # which ends nothing
    assert {one["what"] for one in terms if one["ends_by"] == "nobody yet"} == {"metrics"}


def test_the_whole_table_is_told_with_where_it_is_stated() -> None:
    answer = asked("lifecycle")
    told = [line.split("  ") for line in answer.stdout.splitlines()]
    by_what = {cells[1]: [cell.strip() for cell in cells[2:] if cell] for cells in told if len(cells) > 2 and not cells[0]}
    assert answer.exit_code == 0
    source = load_catalog().source
    line = source.line(("lifecycles", "operational", "raw"))
    assert by_what["raw/ of operational"] == [
        "7 years, GLACIER_IR after 90 days",
        "old versions 30 days",
        f"defs/policy.yaml:{line}",
        "bucket rule",
    ]
    assert by_what["_verdicts/"][-1] == "nobody: they tell of reference data that is kept forever"
    assert by_what["adhoc/"] == [
        "30 days unused, 7 days of notice, 14 days in the trash",
        f"defs/policy.yaml:{source.line(('platform', 'adhoc'))}",
        "sweeper",
    ]
    blocks = [told[number - 1] for number, cells in enumerate(told) if [cell.strip() for cell in cells if cell] == HEADER]
    assert blocks == [
        ["landing bucket"],
        ["prod bucket"],
        ["dev bucket"],
        ["audit bucket"],
        ["any folder"],
        ["Dagster"],
        ["runtime"],
    ]
    # Whatever the policy states, by zone and class, and of the platform.
    catalog = load_catalog()
    assert {f"{zone}/ of {name}" for zone in ZONES[1:] for name in catalog.policy.lifecycles} <= by_what.keys()
    named = {cells[-2] for cells in by_what.values()}
    capped = {"at_most"}
    for attribute in catalog.policy.platform.__class__.model_fields.keys() - capped:
        assert f"defs/policy.yaml:{source.line(('platform', attribute))}" in named, attribute


def test_what_is_due_here_is_told_with_the_way_out(store: Folder) -> None:
    assert "0 objects, 0.0 MB; past its term is nothing" in asked("lifecycle").stdout
    write(store, "landing/flights/2013-01-01.csv")
    write(store, f"raw/airports/{'0' * 64}.csv")
    answer = asked("lifecycle")
    assert f"in {store.where}: 2 objects, 3.0 MB; past its term:" in answer.stdout
    assert "  landing/flights: 1 of 1 objects, 1.5 MB, kept for 30 days\n" in answer.stdout
    assert "raw/airports:" not in answer.stdout, "it is kept forever"
    assert "nothing ends by itself in a folder: remove what is not needed" in answer.stdout
    assert answer.exit_code == 0, "what is due is against no policy"


def test_what_is_against_a_policy_fails(store: Folder) -> None:
    write(store, "scratch/x.parquet")
    answer = asked("lifecycle")
    assert answer.exit_code == 1
    assert "against a policy: 1\n" in answer.stdout
    assert (
        f"  {store.where}/scratch/: 1 object that no policy is about, as scratch/x.parquet\n    remedy: move" in answer.stdout
    )


def test_the_same_is_told_as_json(store: Folder) -> None:
    write(store, "landing/flights/2013-01-01.csv")
    write(store, "scratch/x.parquet")
    answer = asked("lifecycle", "--json")
    told = json.loads(answer.stdout)
    assert answer.exit_code == 1
    assert told["due"] == [{"place": "landing/flights", "objects": 1, "bytes": 1_500_000, "of": 1}]
    assert [violation["told"].split(":")[0] for violation in told["violations"]] == [f"{store.where}/scratch/"]
    terms = {(term["place"], term["what"]): term for term in told["terms"]}
    assert terms["prod bucket", "raw/ of operational"]["colder"] == {"after": "90 days", "to": "GLACIER_IR"}
    assert terms["dev bucket", "dev/"]["keep"] == {"disuse": "60 days", "notice": "7 days", "trash": "30 days"}
    assert terms["runtime", "backups"]["keep"] == {"text": "35 days", "hours": 35 * 24}


def test_an_area_is_not_looked_at(store: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAOPS_DEPLOYMENT", "dev/me")
    monkeypatch.setenv("DATAOPS_PROD", str(tmp_path / "prod"))
    monkeypatch.setenv("DATAOPS_DATA", str(tmp_path / "shared"))
    answer = asked("lifecycle")
    assert answer.exit_code == 0
    assert "dev/me ends as a whole" in answer.stdout


def test_what_dev_and_branches_share_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAOPS_DEPLOYMENT", "adhoc")
    monkeypatch.setenv("DATAOPS_PROD", str(tmp_path / "prod"))
    monkeypatch.setenv("DATAOPS_DATA", str(tmp_path / "shared"))
    shared = Folder(tmp_path / "shared")
    write(shared, "dev/me/staged/flights/date=2013-01-01/data.parquet")
    answer = asked("lifecycle")
    assert answer.exit_code == 0
    assert (
        f"in {shared.where}: 1 objects, 1.5 MB; areas end one by one: `dataops expire --all` tells of each\n" in answer.stdout
    )
    for key in ("staged/flights/date=2013-01-01/data.parquet", "scratch/x.parquet"):
        write(shared, key)
    answer = asked("lifecycle")
    assert answer.exit_code == 1
    for place in ("staged/flights", "scratch/"):
        assert f"{shared.where}/{place}: 1 object that no policy is about" in answer.stdout


def test_the_rules_of_a_bucket_are_written_for_terraform() -> None:
    all_of_them = json.loads(asked("export", "lifecycle").stdout)
    assert sorted(all_of_them) == ["audit", "dev", "landing", "prod"]
    assert json.loads(asked("export", "lifecycle", "--bucket", "prod").stdout) == all_of_them["prod"]
    assert len(all_of_them["prod"]["rule"]) == len(rules(load_catalog(), "prod"))
    both = json.loads(asked("export", "lifecycle", "--bucket", "landing", "--bucket", "prod").stdout)
    of_landing = [rule for rule in all_of_them["landing"]["rule"] if rule["filter"] != {"prefix": ""}]
    assert [rule for rule in both["rule"] if rule not in of_landing] == all_of_them["prod"]["rule"]
    below = json.loads(asked("export", "lifecycle", "--bucket", "dev", "--below", "/shared/").stdout)
    assert [rule["filter"] for rule in below["rule"]] == [{"prefix": "shared/"}]
