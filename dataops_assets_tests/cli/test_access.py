"""`dataops who` and `may`: what people are told of who may do what."""

import copy
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dataops_assets_tests.cli.granted import ask, edit, edited
from dataops_assets_tests.values import ACCOUNTS, PREFIX


def told(*words: str) -> list[dict[str, Any]]:
    done = ask(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_who_reads_a_dataset_and_by_which_statement():
    by = {(one["who"], one["word"]): one["by"] for one in told("who", "flights", "--zone", "staged")}
    assert by["prod/analyst-analysts", "read"] == [f"{PREFIX}-analyst-analysts/rights: ReadPublished"]
    assert by["dev/engineer", "read"] == [
        f"{PREFIX}-engineer/rights: ReadProdForBranches",
        f"{PREFIX}-prod: BranchesReadWhatIsForThem",
    ]
    assert [who for who, word in by if word == "write"] == ["prod/pipeline"]
    assert [who for who, word in by if word == "delete"] == ["prod/break-glass"]


def test_who_as_people_read_it():
    done = ask("who", "flights")
    assert done.exit_code == 0
    assert done.stdout.startswith("flights: public, for analysts, operations, branches\n")
    assert f"{PREFIX}-prod: BranchesReadWhatIsForThem" in done.stdout
    landing = done.stdout[done.stdout.index("landing/flights") : done.stdout.index("raw/flights")]
    assert "prod/provider-bureau-of-transportation-statistics" in landing
    assert "prod/provider-openflights" not in landing


def test_every_place_that_is_named_can_be_asked_for_and_is_where_it_lies(project: Path):
    """Datasets that share deliveries have them in one folder, which has the name of the first of them."""
    defs = project / "package" / "defs" / "aviation"
    shutil.copytree(defs / "flights", defs / "flights_open")
    edit(defs / "flights_open" / "defs.yaml", "  source:\n", "  source:\n    deliveries: flights\n")
    places = [line.split()[0] for line in ask("who", "flights_open").stdout.splitlines() if "/flights" in line.split()[0]]
    assert places[:4] == ["landing/flights", "raw/flights", "receipts/flights", "staged/flights_open"]
    for place in places:
        done = ask("who", place)
        name = place.partition("/")[2]
        assert (done.exit_code, done.stdout.startswith(f"{name}: public")) == (0, True), done.output
    assert {one["place"] for one in told("who", "raw/flights")} == {"raw/flights"}


def test_who_reads_what_is_encrypted_may_use_its_key_or_it_is_told(project: Path):
    with edited(project / "infra" / "access" / "prod.json") as written:
        policy = written["keys"][f"alias/{PREFIX}-data"]["policy"]
        policy["Statement"] = [one for one in policy["Statement"] if one["Sid"] != "DevReadsThroughS3"]

    reading = {
        one["who"]: one["missing"] for one in told("who", "flights", "--zone", "staged") if one["action"] == "s3:GetObject"
    }
    missing = "kms:Decrypt of key prod/data"
    assert reading == {
        **dict.fromkeys(("dev/adhoc", "dev/branch", "dev/engineer"), missing),
        **dict.fromkeys(("prod/analyst-analysts", "prod/analyst-operations", "prod/code-server", "prod/pipeline")),
    }
    assert ask("who", "flights", "--zone", "staged").stdout.count(f"but not {missing}, so it is refused") == 3
    assert f"s3:GetObject (refused without {missing})" in ask("may", "engineer").stdout
    lost = json.loads(ask("grants", "--diff", "HEAD", "--json").stdout)["lost"]
    assert ("dev/engineer", "staged/flights", "s3:GetObject") in {(one["who"], one["place"], one["action"]) for one in lost}


def test_who_writes_what_is_encrypted_may_use_its_key(project: Path):
    with edited(project / "infra" / "access" / "prod.json") as written:
        (rights,) = written["roles"][f"{PREFIX}-pipeline"]["policies"].values()
        (statement,) = [one for one in rights["Statement"] if one["Sid"] == "UseKey"]
        statement["Action"] = "kms:Decrypt"
    missing = {
        one["action"]: one["missing"] for one in told("who", "flights", "--zone", "staged") if one["who"] == "prod/pipeline"
    }
    assert missing["s3:PutObject"] == "kms:GenerateDataKey of key prod/data"
    assert missing["s3:GetObject"] is None


def test_may_of_a_role_with_its_own_area():
    may = {(one["place"], one["word"]) for one in told("may", "engineer", "--tag", "person=ann")}
    assert {(f"{PREFIX}-dev/dev/ann", "delete"), ("staged/flights", "read")} <= may
    assert not {place for place, word in may if word in ("write", "delete", "tag")} - {f"{PREFIX}-dev/dev/ann"}


def places_of(*words: str) -> set[tuple[str, str]]:
    """Where somebody may do what, as the first two columns say it."""
    rows, where = set[tuple[str, str]](), ""
    for line in ask("may", *words).stdout.splitlines():
        cells = [cell.strip() for cell in line.removeprefix("  ").split("  ") if cell]
        where = cells[0] if not line.startswith("   ") else where
        if len(cells) >= 2:
            rows.add((where, cells[-2]))
    return rows


def test_a_right_that_holds_for_one_dataset_of_a_zone_names_it():
    assert {place for place, word in places_of("provider-openflights") if word == "write"} == {"landing/airports"}
    assert ("landing", "write") in places_of("pipeline")


def narrower(project: Path, dataset: str) -> None:
    """A dataset that analysts may not read any more."""
    contract = project / "package" / "defs" / "aviation" / dataset / "defs.yaml"
    edit(contract, "readers: [analysts, operations, branches]", "readers: [operations, branches]")


def test_a_group_that_may_read_one_dataset_is_not_told_like_one_that_reads_the_zone(project: Path):
    assert ("staged", "read") in places_of("analyst-analysts")
    for folder in (project / "package" / "defs" / "aviation").glob("*/defs.yaml"):
        if folder.parent.name != "weather":
            narrower(project, folder.parent.name)
    assert places_of("analyst-analysts") >= {("staged/weather", "read")}
    assert not places_of("analyst-analysts") & {("staged", "read"), ("curated", "read")}


def test_of_many_datasets_the_first_are_named_and_all_are_counted(project: Path):
    narrower(project, "routes")
    told = {place for place, word in places_of("analyst-analysts") if (place.partition("/")[0], word) == ("curated", "read")}
    assert told == {"curated/aircraft_use, airport_hours, cancellations, … (5 of 6)"}
    assert ("staged", "read") in places_of("analyst-analysts")


def test_tagging_what_has_no_tags_yet_is_told_of_each_place_where_it_is_let():
    tags = {one["place"]: one["action"] for one in told("may", "prod/pipeline") if one["word"] == "tag"}
    untagged = {place for place, action in tags.items() if action == "s3:PutObjectTagging of what has no tags"}
    assert {f"{zone}/flights" for zone in ("raw", "staged", "quarantine")} | {"curated/routes"} <= untagged
    assert tags[f"{PREFIX}-prod/_deployment"] == "s3:PutObjectTagging"


def test_names_of_session_tags_have_no_case():
    assert ask("may", "engineer", "--tag", "Person=ann").stdout == ask("may", "engineer", "--tag", "person=ann").stdout


def test_what_the_trust_leaves_open_is_written_as_what_it_stands_for():
    done = ask("may", "branch")
    assert f"{PREFIX}-dev/branch/pr-<kubernetes-namespace>" in done.stdout
    assert "becomes it: pods.eks.amazonaws.com" in done.stdout


def test_a_session_tag_that_any_statement_of_the_trust_takes_is_taken(project: Path):
    with edited(project / "infra" / "access" / "dev.json") as written:
        statements = written["roles"][f"{PREFIX}-branch"]["trust"]["Statement"]
        trial = copy.deepcopy(statements[0]) | {"Sid": "PodOfATrial"}
        trial["Condition"]["StringLike"]["aws:RequestTag/kubernetes-namespace"] = "trial-?*"
        statements.append(trial)
    for namespace in ("pr-7", "trial-7"):
        assert f"{PREFIX}-dev/branch/{namespace}" in ask("may", "branch", "--tag", f"kubernetes-namespace={namespace}").stdout
    done = ask("may", "branch", "--tag", "kubernetes-namespace=prod")
    assert (done.exit_code, "the trust of dev/branch takes no session with that tag" in done.output) == (2, True)


@pytest.mark.parametrize("name", ["viewers", "group viewers"])
def test_may_of_a_group_of_people_is_what_the_cluster_lets_it(name: str):
    done = ask("may", name)
    assert done.stdout.startswith("group viewers: in the cluster\n  bound by: deploy/rbac/people.yaml: RoleBinding people\n")
    found = told("may", name)
    assert {one["word"] for one in found} == {"read"}
    assert ("pods/log in namespace prod", "get") in {(one["place"], one["action"]) for one in found}


def test_a_service_account_and_the_role_of_its_name_are_both_told():
    done = ask("may", "daemon").stdout
    assert done.startswith(f"prod/daemon: arn:aws:iam::{ACCOUNTS['prod']}:role/{PREFIX}-daemon\n")
    inside = {(one["place"], one["word"]) for one in told("may", "prod/daemon") if one["who"] == "service account prod/daemon"}
    assert {("jobs.batch in namespace prod", "write"), ("pods in namespace prod", "read")} <= inside
    assert ("pods in namespace prod", "write") not in inside
    assert "jobs.batch in namespace prod" in done[done.index("service account prod/daemon: in the cluster") :]


def test_a_service_account_that_no_binding_names_may_nothing_in_the_cluster():
    assert ask("may", "service account prod/pipeline").stdout == "service account prod/pipeline: in the cluster\n  nothing\n"


def test_a_mistake_in_the_roles_of_the_cluster_is_told_with_its_line(project: Path):
    edit(project / "deploy" / "rbac" / "people.yaml", "  name: viewer\nsubjects:", "  name: views\nsubjects:")
    for asked in (("may", "viewers"), ("grants", "--diff", "HEAD")):
        done = ask(*asked)
        assert done.exit_code == 1
        assert str(done.exception).startswith("deploy/rbac/people.yaml:34, RoleBinding people, roleRef.name: ")


def test_anybody_may_nothing():
    assert told("may", "anybody") == []
    assert "nothing" in ask("may", "anybody").stdout


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("may", "infra"), "write dev/infra or prod/infra"),
        (("may", "pipelin"), "there is no `pipelin`: did you mean `pipeline`? There are: dev/adhoc, "),
        (("may", "viewer"), "there is no `viewer`: did you mean `viewers`?"),
        (("may", "xyz"), "group viewers, service account adhoc/adhoc"),
        (("may", "viewers", "--tag", "person=ann"), "viewers is no role of AWS"),
        (("may", "anybody", "--tag", "person=ann"), "anybody is no role of AWS"),
        (("may", "engineer", "--tag", "nope=1"), "the trust of dev/engineer knows no session tag `nope`: use one of person"),
        (("may", "engineer", "--tag", "persn=ann"), "did you mean `person`?"),
        (("may", "branch", "--tag", "person=ann"), "kubernetes-namespace, kubernetes-service-account"),
        (("may", "engineer", "--tag", "person=*"), "no session has a tag with `*`: letters, digits, blanks"),
        (("may", "prod/infra", "--tag", "person=ann"), "knows no session tag `person`: its sessions have none"),
        (("may", "branch", "--tag", "kubernetes-namespace=prod"), "takes no session with that tag: it asks for StringLike"),
        (("may", "engineer", "--tag", "person=a/b"), "it asks for StringNotLike aws:RequestTag/person *..*|*/*"),
        (("who", "flightz"), "there is no dataset `flightz`: did you mean `flights`?"),
        (("who", "routes", "--zone", "raw"), "routes does not lie in raw"),
        (("grants",), "--diff"),
    ],
)
def test_what_is_not_there_is_told(words: tuple[str, ...], why: str):
    done = ask(*words)
    assert done.exit_code == 2
    assert why in done.output


def test_who_may_write_a_dataset_without_its_tags_alone_is_not_told_like_who_may_write_it(project: Path):
    """What the pipeline writes carries the readers, and with the new ones it is refused."""
    assert "without tags" not in ask("who", "routes").output
    edit(project / "package" / "defs" / "aviation" / "routes" / "defs.yaml", "operations, branches]", "branches]")
    assert {one["action"] for one in told("who", "routes", "--zone", "curated") if one["who"] == "prod/pipeline"} >= {
        "s3:PutObject without tags"
    }
    done = ask("who", "routes", "--zone", "curated")
    (line,) = [line for line in done.stdout.splitlines() if " write " in line]
    assert line.endswith("WriteData; but only without tags, as our code does not")
    assert done.stderr.startswith(
        "prod/pipeline could not write routes with the tags that it has by its contract: run `dataops "
    )


def test_each_zone_is_asked_for_with_the_tags_that_it_has_by_its_own_terms(project: Path):
    """Quarantine is kept for another time than the rest, of which the policies know nothing yet."""
    contract = project / "package" / "defs" / "aviation" / "flights" / "defs.yaml"
    edit(contract, "lifecycle: operational", "lifecycle: {class: operational, reason: for a trial, quarantine: 30 days}")
    ways = {
        zone: {one["action"] for one in told("who", "flights", "--zone", zone) if one["who"] == "prod/pipeline"}
        for zone in ("quarantine", "staged", "raw")
    }
    assert "s3:PutObject without tags" in ways["quarantine"]
    assert "s3:PutObject" in ways["staged"] & ways["raw"]
    done = ask("grants", "--diff", "HEAD", "--json")
    lost = {one["place"] for one in json.loads(done.stdout)["lost"] if (one["who"], one["word"]) == ("prod/pipeline", "write")}
    assert lost == {"quarantine/flights"}
    assert "the pipeline could not write flights as the contracts are now" in done.stderr


def test_who_reads_what_is_told_of_deliveries_is_told_apart_from_who_reads_them():
    readers = {
        zone: {one["who"] for one in told("who", "flights", "--zone", zone) if one["word"] == "read"}
        for zone in ("raw", "receipts")
    }
    assert readers["receipts"] - readers["raw"] == {"prod/code-server"}


def test_a_reader_group_whose_role_is_not_rendered_yet_is_told_with_the_commands_that_render_it(project: Path):
    assert ask("who", "airlines").stderr == ""
    defs = project / "package" / "defs"
    edit(defs / "policy.yaml", "readers:\n", "readers:\n  finance: Everyone who bills.\n")
    edit(defs / "aviation" / "airlines" / "defs.yaml", "operations, branches]", "operations, branches, finance]")
    remedy = "run `dataops export infra`, then `make access`\n"
    hint = f"infra/access has no role of finance yet, so what they may read is not told: {remedy}"
    hint += f"prod/pipeline could not write airlines with the tags that it has by its contract: {remedy}"
    for asked in (("who", "airlines"), ("who", "airlines", "--json")):
        done = ask(*asked)
        assert (done.exit_code, done.stderr) == (0, hint)


def test_what_is_not_rendered_is_told(project: Path):
    shutil.rmtree(project / "infra" / "access")
    done = ask("who", "flights")
    assert done.exit_code == 1
    assert "make access" in done.output


@pytest.mark.parametrize("verb", [("who", "flights"), ("may", "engineer"), ("grants", "--diff", "HEAD")])
def test_an_environment_that_is_not_rendered_is_not_taken_for_one_in_which_nobody_may_do_anything(
    project: Path, verb: tuple[str, ...]
):
    (project / "infra" / "access" / "prod.json").unlink()
    done = ask(*verb)
    assert done.exit_code == 1
    assert "no policies of prod are rendered" in done.output
    assert "make access" in done.output


def test_a_file_that_is_not_understood_is_named_with_its_policy_and_statement(project: Path):
    file = project / "infra" / "access" / "prod.json"
    as_it_was = file.read_text(encoding="utf-8")
    edit(file, '"kms:ViaService"', '"kms:ViaServices"')
    done = ask("who", "flights")
    assert done.exit_code == 1
    assert str(done.exception).startswith(f"infra/access/prod.json, {PREFIX}-")
    assert ", statement " in str(done.exception)
    assert "`kms:ViaServices`" in str(done.exception)

    for asked in (["add", "."], ["-c", "user.name=lab", "-c", "user.email=lab@example.com", "commit", "-q", "-m", "Damaged"]):
        subprocess.run(["git", "-C", str(project), *asked], check=True)
    file.write_text(as_it_was, encoding="utf-8")
    done = ask("grants", "--diff", "HEAD")
    assert done.exit_code == 1
    assert f"in HEAD: infra/access/prod.json, {PREFIX}-" in done.output
