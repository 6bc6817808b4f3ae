"""The rules of the buckets, held against the policies by an evaluator of S3's rules that knows nothing of how they are made."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataops_assets.catalog import load_catalog
from dataops_assets.contract import Catalog, ContractError, Dataset, Policy
from dataops_assets.contract.model import LifecycleChoice
from dataops_assets.contract.policy import ZONES, Zone
from dataops_assets.contract.retention import Retention
from dataops_assets.lifecycle.rules import as_terraform, rules
from dataops_assets.lifecycle.table import AREAS, BUCKETS, table
from dataops_assets.storage import layout
from dataops_assets_tests.s3_server import Bucket
from dataops_assets_tests.trees import Tree

CATALOG = load_catalog()
KEPT = (BUCKETS["landing"], BUCKETS["prod"], "any folder")
FOREVER = {"forever": "we were told to"}
SHA = "0" * 64


@dataclass(frozen=True)
class Effect:
    """What the rules of a bucket do to an object: after how many days it ends, moves where, and old versions end."""

    days: float
    moves: tuple[tuple[int, str], ...]
    version_days: float


def effect(config: Sequence[Mapping[str, Any]], key: str, tags: Mapping[str, str]) -> Effect:
    """As S3 does it: every rule whose filter fits counts, and of those that end a thing the soonest."""
    fitting = []
    for rule in config:
        chosen = rule["Filter"]
        chosen = chosen.get("And", chosen)
        wanted = {tag["Key"]: tag["Value"] for tag in chosen.get("Tags", [])}
        if key.startswith(chosen["Prefix"]) and wanted.items() <= tags.items():
            fitting.append(rule)
    return Effect(
        min((rule["Expiration"].get("Days", float("inf")) for rule in fitting if "Expiration" in rule), default=float("inf")),
        tuple((move["Days"], move["StorageClass"]) for rule in fitting for move in rule.get("Transitions", ())),
        min(rule["NoncurrentVersionExpiration"]["NoncurrentDays"] for rule in fitting if "NoncurrentVersionExpiration" in rule),
    )


def stated(policy: Policy, retention: Retention) -> Effect:
    colder = ((int(retention.colder.after.days), str(retention.colder.to)),) if retention.colder else ()
    versions = (retention.versions or policy.platform.versions).days
    return Effect(retention.keep.days, colder, min(versions, retention.keep.days))


def of(name: str, catalog: Catalog, *others: str, below: str = "") -> list[dict[str, Any]]:
    return [rule.as_s3() for rule in rules(catalog, name, *others, below=below)]


def written(dataset: Dataset) -> Iterator[tuple[Zone, str, Mapping[str, str]]]:
    """Zone, key and tags of what is written of a dataset, by whoever writes it."""
    partition = dataset.partitions.key_of(dataset.partitions.first) if dataset.partitions else None
    if dataset.ingested:
        yield "landing", f"{layout.landing(dataset)}/a.csv", {}  # a provider sets no tags
        yield "raw", f"{layout.raw(dataset, partition)}/{SHA}.csv", layout.tags(dataset, "raw")
        yield "raw", f"{layout.receipts(dataset, partition)}/1.json", layout.tags(dataset, "raw")
    for zone in (dataset.zone, "quarantine"):
        yield zone, layout.data(zone, dataset, partition), layout.tags(dataset, zone)


def beside(catalog: Catalog, dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Attribute of the platform and key of what is written beside the zones."""
    partition = dataset.partitions.key_of(dataset.partitions.first) if dataset.partitions else None
    yield "verdicts", f"{layout.verdicts('content', dataset, partition)}/1.json"
    for zone in (dataset.zone, "quarantine"):
        yield "provenance", f"{layout.provenance(zone, dataset, partition)}/1-{SHA}.json"
        yield "provenance", f"{layout.by_bytes(SHA)}/{zone}/{layout.folder(dataset, partition)}/1"
    yield "gate_results", layout.gate_results(dataset)
    yield "doctor", f"{layout.TRIALS}/1/x"
    yield "mark", layout.MARK


def assert_as_stated(catalog: Catalog) -> None:
    config, policy = of("prod", catalog), catalog.policy
    landing, both = of("landing", catalog), of("landing", catalog, "prod")
    for dataset in catalog:
        for zone, key, tags in written(dataset):
            retention = catalog.retention(dataset, zone)
            for found in (landing if zone == "landing" else config, both):
                assert effect(found, key, tags) == stated(policy, retention), (dataset.name, key, tags)
                assert retention.keep.reason or effect(found, key, tags).days < float("inf")
        for attribute, key in beside(catalog, dataset):
            keep = Retention(keep=getattr(policy.platform, attribute))
            # The tags that a record or verdict has of its dataset are those of another prefix.
            assert effect(config, key, layout.tags(dataset, dataset.zone)) == stated(policy, keep), key


def assert_s3_takes(config: Sequence[Mapping[str, Any]]) -> None:
    """What S3 refuses that botocore does not know: too many, a name twice, and what cannot stand together."""
    assert len(config) <= 1000
    assert len({rule["ID"] for rule in config}) == len(config)
    for rule in config:
        tags = rule["Filter"].get("And", {}).get("Tags", [])
        assert len(rule["ID"]) <= 255
        assert all(0 < len(tag["Value"]) <= 256 for tag in tags)
        assert rule.keys() & {"Expiration", "Transitions", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"}
        days = rule.get("Expiration", {}).get("Days")
        if tags:
            assert "AbortIncompleteMultipartUpload" not in rule
            assert "ExpiredObjectDeleteMarker" not in rule.get("Expiration", {})
        assert days is None or "ExpiredObjectDeleteMarker" not in rule["Expiration"]
        for move in rule.get("Transitions", []):
            assert days is None or move["Days"] < days
            assert move["StorageClass"] != "STANDARD_IA" or move["Days"] >= 30


# What is compared.


def test_every_zone_class_and_prefix_of_the_sample_ends_as_its_policy_says() -> None:
    assert_as_stated(CATALOG)
    assert_s3_takes(of("prod", CATALOG))


def kept(most: int | None) -> st.SearchStrategy[Any]:
    days = st.integers(1, min(most or 4000, 4000)).map("{} days".format)
    in_full = st.tuples(st.integers(121, 4000), st.sampled_from(["STANDARD_IA", "GLACIER_IR"]), st.integers(1, 120)).map(
        lambda drawn: {
            "keep": f"{drawn[0]} days",
            "colder": {"after": "30 days", "to": drawn[1]},
            "versions": f"{drawn[2]} days",
        }
    )
    return days if most else days | in_full | st.just(FOREVER)


@st.composite
def lifecycles(draw: st.DrawFn) -> dict[str, Any]:
    """A class that may stand: raw is the longest."""
    raw = draw(kept(None))
    longest = raw["keep"] if isinstance(raw, dict) and "keep" in raw else raw
    most = int(longest.split()[0]) if isinstance(longest, str) else None
    zones = {zone: draw(kept(most)) for zone in ("staged", "quarantine", "curated")}
    return {"description": "x", "landing": draw(kept(most or 4000)), "raw": raw, **zones}


@st.composite
def catalogs(draw: st.DrawFn) -> Catalog:
    """The datasets of the sample, each in any class, under any policy; some differ from their class."""
    names = draw(st.lists(st.from_regex(r"[a-z][a-z0-9_.:@-]{0,20}", fullmatch=True), min_size=1, max_size=5, unique=True))
    written = CATALOG.policy.model_dump(by_alias=True, exclude={"lifecycles", "platform"})
    platform: dict[str, Any] = {
        name: {"disuse": "2 days", "notice": "1 day", "trash": "1 day", "record": "1 day"} for name in AREAS
    }
    platform |= dict.fromkeys(("verdicts", "provenance", "mark"), FOREVER)
    platform |= {"gate_results": draw(kept(4000) | st.just(FOREVER)), "at_most": {"areas": 1, "share": 0.1}}
    for name in CATALOG.policy.platform.__class__.model_fields:
        platform.setdefault(name, f"{draw(st.integers(1, 400))} days")
    platform |= {"runs": "400 days", "locked": f"{draw(st.integers(1, 27))} days"}
    policy = Policy.model_validate(
        {**written, "lifecycles": {name: draw(lifecycles()) for name in names}, "platform": platform}
    )
    datasets = []
    for dataset in CATALOG:
        own = draw(st.none() | lifecycles())
        zones = draw(st.sets(st.sampled_from(ZONES))) if own else set()
        choice = {"class": draw(st.sampled_from(names)), "reason": "x", **{zone: own[zone] for zone in zones if own}}
        attributes = dataset.attributes.model_copy(update={"lifecycle": LifecycleChoice.model_validate(choice)})
        datasets.append(replace(dataset, attributes=attributes))
    return Catalog(policy, datasets, CATALOG.source)


@given(catalogs())
def test_every_zone_class_and_prefix_of_any_policy_ends_as_it_says(catalog: Catalog) -> None:
    assert_as_stated(catalog)
    for name in BUCKETS:
        assert_s3_takes(of(name, catalog))


@pytest.mark.parametrize("name", BUCKETS)
def test_uploads_old_versions_and_markers_end_in_every_bucket_whatever_lies_there(name: str) -> None:
    config = of(name, CATALOG)
    assert effect(config, "nobody/knows/this", {}).version_days == 30
    [of_all] = [rule for rule in config if "AbortIncompleteMultipartUpload" in rule]
    assert of_all["Filter"] == {"Prefix": ""}
    assert of_all["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert of_all["Expiration"] == {"ExpiredObjectDeleteMarker": True}


def test_areas_are_ended_by_the_sweeper_and_by_no_rule() -> None:
    config = of("dev", CATALOG)
    for key in ("adhoc/look/a.parquet", "branch/pr-1/staged/x/data.parquet", "dev/me/raw/x/1.csv", "trash/adhoc/look/1/a"):
        assert effect(config, key, {"lifecycle": "operational"}) == Effect(float("inf"), (), 30)


def test_what_is_kept_forever_may_move_all_the_same(tree: Tree) -> None:
    tree.edit("policy.yaml", "raw: 7 years", "raw: {keep: {forever: x}, colder: {after: 90 days, to: GLACIER_IR}}")
    catalog = tree.catalog()
    key, tags = layout.raw(catalog["stations"], None) + "/a.csv", layout.tags(catalog["stations"], "raw")
    assert effect(of("prod", catalog), key, tags) == Effect(float("inf"), ((90, "GLACIER_IR"),), 30)


def test_all_of_it_may_lie_below_a_prefix() -> None:
    config = of("prod", CATALOG, below="some/where")
    key = layout.data("quarantine", CATALOG["flights"], "2013-01-01")
    tags = layout.tags(CATALOG["flights"], "quarantine")
    assert effect(config, f"some/where/{key}", tags).days == 90
    assert all(rule["Filter"].get("And", rule["Filter"])["Prefix"].startswith("some/where/") for rule in config)


def test_whatever_is_written_in_a_run_is_in_the_table(filled: Tree) -> None:
    """No layer may write where no policy is about it, and no prefix of the layout may be forgotten."""
    prefixes = [term.prefix for term in table(filled.catalog()) if term.place in KEPT and term.prefix]
    tops = {entry.key.split("/")[0] for entry in filled.store.list("") if "/" in entry.key}
    assert tops >= {"landing", "raw", "staged", "_verdicts", "_provenance", "_sha256"}
    told = [line.split("/")[0] for line in (layout.__doc__ or "").splitlines() if "/" in line.split(" ")[0]]
    for top in {*tops, *(name for several in told for name in several.split("|"))}:
        assert any(prefix.startswith(f"{top}/") for prefix in prefixes), top


# How they are told.


def test_terraform_is_told_what_s3_is_told() -> None:
    """By a translation of names alone, the other way."""
    config = of("prod", CATALOG)
    for rule, block in zip(config, as_terraform(rules(CATALOG, "prod"))["rule"], strict=True):
        chosen = block["filter"].get("and", block["filter"])
        assert (block["id"], block["status"], chosen["prefix"]) == (
            rule["ID"],
            "Enabled",
            rule["Filter"].get("And", rule["Filter"])["Prefix"],
        )
        assert chosen.get("tags", {}) == {t["Key"]: t["Value"] for t in rule["Filter"].get("And", {}).get("Tags", [])}
        assert block.get("expiration", {}).get("days") == rule.get("Expiration", {}).get("Days")
        marker = block.get("expiration", {}).get("expired_object_delete_marker")
        assert marker == rule.get("Expiration", {}).get("ExpiredObjectDeleteMarker")
        moves = [{"Days": m["days"], "StorageClass": m["storage_class"]} for m in [block.get("transition")] if m]
        assert moves == rule.get("Transitions", [])
        old = block.get("noncurrent_version_expiration", {}).get("noncurrent_days")
        assert old == rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays")
        uploads = block.get("abort_incomplete_multipart_upload", {}).get("days_after_initiation")
        assert uploads == rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation")


@pytest.mark.parametrize("name", BUCKETS)
def test_a_server_takes_them(bucket: Bucket, name: str) -> None:
    bucket.client().put_bucket_lifecycle_configuration(
        Bucket=bucket.name,
        LifecycleConfiguration={"Rules": of(name, CATALOG)},  # type: ignore[typeddict-item]
    )


def test_the_same_contracts_give_the_same_rules_in_order() -> None:
    turned = Catalog(CATALOG.policy, reversed(list(CATALOG)), CATALOG.source)
    assert json.dumps(of("prod", turned)) == json.dumps(of("prod", CATALOG))
    names = [rule["ID"] for rule in of("prod", CATALOG)]
    assert names == sorted(names)


# How many they are.


def many(differ: int) -> Catalog:
    """A thousand datasets in 20 classes; every tenth differs from its class in two zones, in one of so many ways."""
    [operational] = [found for name, found in CATALOG.policy.lifecycles.items() if name == "operational"]
    policy = CATALOG.policy.model_copy(update={"lifecycles": {f"class-{i}": operational for i in range(20)}})
    datasets = []
    for i in range(1000):
        choice: dict[str, Any] = {"class": f"class-{i % 20}"}
        if i % 10 == 0:
            days = f"{365 + i // 10 % differ} days"
            choice |= {"reason": "x", "staged": days, "curated": days}
        attributes = CATALOG["flights"].attributes.model_copy(update={"lifecycle": LifecycleChoice.model_validate(choice)})
        datasets.append(replace(CATALOG["flights"], name=f"dataset_{i}", attributes=attributes))
    return Catalog(policy, datasets, CATALOG.source)


def test_a_thousand_datasets_in_twenty_classes_fit() -> None:
    found = of("prod", many(differ=5))
    assert_s3_takes(found)
    assert len(found) < 150


def test_more_rules_than_s3_takes_are_an_error_that_says_what_to_do() -> None:
    catalog = many(differ=100)
    datasets = [
        replace(
            dataset,
            attributes=dataset.attributes.model_copy(
                update={
                    "lifecycle": LifecycleChoice.model_validate({"class": "class-0", "reason": "x", "staged": f"{i + 1} days"})
                }
            ),
        )
        for i, dataset in enumerate(catalog)
    ]
    with pytest.raises(ContractError) as caught:
        rules(Catalog(catalog.policy, datasets, catalog.source), "prod")
    [problem] = caught.value.problems
    assert (problem.file, problem.line) == ("defs/policy.yaml", CATALOG.source.line(("lifecycles",)))
    assert "and S3 takes 1,000; 1,000 are of datasets that differ" in problem.message
    assert "let datasets differ from theirs alike, or not at all" in problem.remedy
