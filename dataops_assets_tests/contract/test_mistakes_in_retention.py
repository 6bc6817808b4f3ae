"""How long things are kept, as `policy.yaml` states it: one broken tree for every rule, and how it is spelled."""

import pytest

from dataops_assets.contract import ContractError
from dataops_assets_tests.contract.broken import POLICY, READINGS, Broken, assert_told
from dataops_assets_tests.trees import Tree

RAW = "raw: 7 years"
LEAVE_OUT = "move it earlier, keep it longer, or leave `colder` out"
AREA = "adhoc: {disuse: 30 days, notice: 7 days, trash: 14 days, record: 1 year}"
OVERRIDE = "lifecycle: {{class: standard, reason: it is small, {}}}"
CASES: dict[str, Broken] = {
    # zones
    "hours": Broken(
        (POLICY, "landing: 30 days", "landing: 36 hours"),
        "`landing`: 36 hours is no number of whole days, in which S3 counts",
        "write it in days, as `1 day`",
        mended="landing: 1 day",
    ),
    "hours_in_full": Broken(
        (POLICY, RAW, "raw: {keep: 25 hours}"), "`keep`: 25 hours is no number of whole days", "write it in days"
    ),
    "landing_in_full": Broken(
        (POLICY, "landing: 30 days", "landing: {keep: 30 days}"),
        "`landing`: {'keep': '30 days'} is not a duration",
        "write it as `12 hours`",
        mended="landing: 30 days",
    ),
    "without_how_long": Broken(
        (POLICY, RAW, "raw: {versions: 30 days}"),
        "`keep` is missing",
        "add `keep: …` (How long it is kept, from when it was written last.)",
        mended="raw: {keep: 7 years, versions: 30 days}",
    ),
    "unknown_in_full": Broken(
        (POLICY, RAW, "raw: {keep: 7 years, version: 30 days}"),
        "unknown attribute `version`",
        "did you mean `versions`?",
        mended="raw: {keep: 7 years, versions: 30 days}",
    ),
    "versions_outlast_the_zone": Broken(
        (POLICY, RAW, "raw: {keep: 7 years, versions: 8 years}"),
        "`raw`: old versions are kept for 8 years, longer than what is in their place (7 years)",
        "shorten `versions`, or keep the zone longer",
        mended="raw: {keep: 7 years, versions: 7 years}",
    ),
    "versions_forever": Broken(
        (POLICY, RAW, "raw: {keep: 7 years, versions: {forever: for fun}}"),
        "is not a duration that ends",
        "write it as `12 hours`",
    ),
    "class_that_s3_does_not_know": Broken(
        (POLICY, RAW, "raw: {keep: 7 years, colder: {after: 90 days, to: COLD}}"),
        "`to` is 'COLD'",
        "write one of `STANDARD_IA`, `INTELLIGENT_TIERING` or `GLACIER_IR` (A storage class that is read at once;",
        mended="raw: {keep: 7 years, colder: {after: 90 days, to: GLACIER_IR}}",
    ),
    "class_that_is_not_read_at_once": Broken(
        (POLICY, RAW, "raw: {keep: 7 years, colder: {after: 90 days, to: DEEP_ARCHIVE}}"),
        "`to` is 'DEEP_ARCHIVE'",
        "not one of the archives, which answer hours later",
    ),
    "colder_too_soon_for_s3": Broken(
        (POLICY, RAW, "raw: {keep: 7 years, colder: {after: 29 days, to: STANDARD_IA}}"),
        "`colder`: S3 moves nothing to STANDARD_IA before 30 days, but it is 29 days",
        "write `after: 30 days` or more",
        mended="raw: {keep: 7 years, colder: {after: 30 days, to: STANDARD_IA}}",
    ),
    "colder_after_the_end": Broken(
        (POLICY, RAW, "raw: {keep: 7 years, colder: {after: 7 years, to: INTELLIGENT_TIERING}}"),
        "`raw`: it moves to INTELLIGENT_TIERING after 7 years, but ends after 7 years",
        LEAVE_OUT,
    ),
    "colder_for_less_than_is_paid": Broken(
        (POLICY, "quarantine: 90 days", "quarantine: {keep: 90 days, colder: {after: 1 day, to: GLACIER_IR}}"),
        "`quarantine`: GLACIER_IR is paid for at least 90 days, but 89 are left from 1 day to 90 days",
        LEAVE_OUT,
        mended="quarantine: {keep: 91 days, colder: {after: 1 day, to: GLACIER_IR}}",
    ),
    "override_colder_after_the_end": Broken(
        (
            READINGS,
            "lifecycle: standard",
            OVERRIDE.format("staged: {keep: 30 days, colder: {after: 31 days, to: STANDARD_IA}}"),
        ),
        "`staged`: it moves to STANDARD_IA after 31 days, but ends after 30 days",
        LEAVE_OUT,
    ),
    # what tells of data
    "verdicts_end_first": Broken(
        (POLICY, "verdicts: {forever: they are asked for in any year}", "verdicts: 6 years"),
        "`verdicts`: raw of `standard` is kept for 7 years, but what tells of it for 6 years",
        "keep `verdicts` at least as long, or shorten raw of `standard`",
        mended="verdicts: 7 years",
    ),
    "provenance_ends_first": Broken(
        (POLICY, "provenance: {forever: it is asked for in any year}", "provenance: 1 year"),
        "`provenance`: staged of `standard` is kept for 2 years, but what tells of it for 1 year",
        "keep `provenance` at least as long, or shorten staged of `standard`",
        mended="provenance: 2 years",
    ),
    "verdicts_end_before_an_override": Broken(
        (READINGS, "lifecycle: standard", OVERRIDE.format("raw: 8 years")),
        "raw is kept for 8 years, but what tells of it for 7 years",
        "shorten raw, or keep `verdicts` in policy.yaml at least as long",
        also=((POLICY, "verdicts: {forever: they are asked for in any year}", "verdicts: 7 years"),),
    ),
    "provenance_ends_before_an_override": Broken(
        (READINGS, "lifecycle: standard", OVERRIDE.format("staged: 3 years")),
        "staged is kept for 3 years, but what tells of it for 2 years",
        "shorten staged, or keep `provenance` in policy.yaml at least as long",
        also=((POLICY, "provenance: {forever: it is asked for in any year}", "provenance: 2 years"),),
    ),
    # the platform
    "area_unused_for_too_short_a_time": Broken(
        (POLICY, AREA, "adhoc: {disuse: 47 hours, notice: 7 days, trash: 14 days, record: 1 year}"),
        "`disuse`: 47 hours is less than 2 days",
        "write `disuse: 2 days` or more",
        mended="adhoc: {disuse: 2 days, notice: 7 days, trash: 14 days, record: 1 year}",
    ),
    "area_without_notice": Broken(
        (POLICY, AREA, "adhoc: {disuse: 30 days, notice: 23 hours, trash: 14 days, record: 1 year}"),
        "`notice`: 23 hours is less than 1 day",
        "write `notice: 1 day` or more",
        mended="adhoc: {disuse: 30 days, notice: 1 day, trash: 14 days, record: 1 year}",
    ),
    "area_without_a_way_back": Broken(
        (POLICY, AREA, "adhoc: {disuse: 30 days, notice: 7 days, trash: 1 hour, record: 1 year}"),
        "`trash`: 1 hour is less than 1 day",
        "write `trash: 1 day` or more",
    ),
    "no_cap": Broken(
        (POLICY, "at_most: {areas: 20, share: 0.25}", "at_most: {areas: 0, share: 0.25}"),
        "`areas` is 0",
        "write a number of at least 1 (How many areas.)",
    ),
    "share_of_nothing": Broken(
        (POLICY, "at_most: {areas: 20, share: 0.25}", "at_most: {areas: 20, share: 0}"),
        "`share` is 0",
        "write a number above 0 (Which share of all areas;",
    ),
    "mark_ends": Broken(
        (POLICY, "mark: {forever: it stays prod's}", "mark: 7 years"),
        "`mark`: prod's mark ends after 7 years, and then anyone may write there",
        "write `mark: {forever: <the reason>}`",
    ),
    "locked_for_longer_than_an_erasure_may_take": Broken(
        (POLICY, "locked: 14 days", "locked: 28 days"),
        "`locked`: what is written is locked for 28 days, but a request to erase must be done within a month",
        "write `locked: 27 days` or less",
        mended="locked: 27 days",
    ),
    "locked_for_hours": Broken(
        (POLICY, "locked: 14 days", "locked: 36 hours"), "`locked`: 36 hours is no number of whole days", "days"
    ),
    "compute_logs_without_their_runs": Broken(
        (POLICY, "compute_logs: 30 days", "compute_logs: 91 days"),
        "`compute_logs`: they are kept for 91 days, longer than the runs that they are found by (90 days)",
        "keep `runs` at least as long, or shorten `compute_logs`",
        mended="compute_logs: 90 days",
    ),
    "ticks_of_hours": Broken(
        (POLICY, "ticks: 7 days", "ticks: 12 hours"), "`ticks`: 12 hours is no number of whole days", "days"
    ),
}


@pytest.mark.parametrize("broken", [pytest.param(broken, id=name) for name, broken in CASES.items()])
def test_mistake_is_told_where_it_stands_and_how_to_mend_it(tree: Tree, broken: Broken) -> None:
    assert_told(tree, broken)


def test_zone_may_be_kept_in_short_or_in_full(tree: Tree) -> None:
    tree.edit(POLICY, RAW, "raw: {keep: {forever: we were told to}, versions: 60 days}")
    tree.edit(
        READINGS, "lifecycle: standard", OVERRIDE.format("staged: {keep: 1 year, colder: {after: 30 days, to: STANDARD_IA}}")
    )
    catalog = tree.catalog()
    readings, policy = catalog["readings"], catalog.policy

    told = {zone: str(catalog.retention(readings, zone)) for zone in ("landing", "raw", "staged")}
    assert told == {
        "landing": "30 days",
        "raw": "forever, old versions 60 days",
        "staged": "1 year, STANDARD_IA after 30 days",
    }
    assert catalog.keep(readings, "raw").reason == "we were told to"
    old = {zone: str(policy.versions(catalog.retention(readings, zone))) for zone in ("raw", "staged")}
    assert old == {"raw": "60 days", "staged": "30 days"}
    assert str(policy.versions(policy.lifecycles["short"].landing)) == "7 days", "no longer than what is in its place"


def test_datasets_that_share_deliveries_move_them_alike(tree: Tree) -> None:
    for file in ("defs.yaml", "schema.py", "examples.yaml"):
        tree.write(f"readings_v2/{file}", (tree.defs / "readings" / file).read_text())
    tree.edit("readings_v2/defs.yaml", 'files: "{partition}.csv"', 'files: "{partition}.csv"\n    deliveries: readings')
    tree.catalog()
    tree.edit(
        "readings_v2/defs.yaml",
        "lifecycle: standard",
        OVERRIDE.format("raw: {keep: 7 years, colder: {after: 90 days, to: GLACIER_IR}}"),
    )
    with pytest.raises(ContractError, match=r"`lifecycle\.raw` differs: 7 years there"):
        tree.catalog()
