"""What may stand in `defs.yaml` about partitions, and what is said of some of them: one broken tree for every rule."""

import pytest

from dataops_assets_tests.contract.broken import DAILY, READINGS, SCHEMA, STATIONS, Broken, assert_told
from dataops_assets_tests.trees import Tree

NAME_THE_PLACE = "name the place, as `Europe/Berlin`"
CASES: dict[str, Broken] = {
    "end_before_start": Broken(
        (READINGS, "end: 2024-01-20", "end: 2023-12-31"),
        "2023-12-31, is before the first, 2024-01-01",
        "swap them",
        at="partitions:",
    ),
    "start_is_no_day": Broken(
        (READINGS, "start: 2024-01-01", "start: soon"), "'soon' is not a day", "write it as `2013-01-05`"
    ),
    "start_has_no_such_month": Broken(
        (DAILY, "start: 2024-01,", "start: 2024-13,"), "`start` is '2024-13'", "The first partition"
    ),
    "timezone": Broken(
        (READINGS, "timezone: Europe/Oslo", "timezone: Europe/Olso"),
        "'Europe/Olso' is no IANA time zone",
        "did you mean `Europe/Oslo`?",
    ),
    **{
        f"timezone_{wrong}": Broken(
            (READINGS, "timezone: Europe/Oslo", f"timezone: {wrong}"), f"'{wrong}' is no IANA time zone", remedy
        )
        for wrong, remedy in (
            ("europe/oslo", "did you mean `Europe/Oslo`?"),
            ("Berlin", "did you mean `Europe/Berlin`?"),
            ("new york", "did you mean `America/New_York`?"),
            *((wrong, NAME_THE_PLACE) for wrong in ("CEST", "BST", "PST", "local", "UTC+1", "Eastern", "America/Boston")),
            ("W. Europe Standard Time", NAME_THE_PLACE),
        )
    },
    "timezone_of_the_machine": Broken(
        (READINGS, "timezone: Europe/Oslo", "timezone: localtime"),
        "'localtime' is another zone on each machine",
        NAME_THE_PLACE,
    ),
    "timezone_of_a_column": Broken(
        (SCHEMA, "hour: pl.Int8", 'at: pl.Datetime("us", "CEST") = pa.Field(description="When")\n    hour: pl.Int8'),
        "column `at`: 'CEST' is no IANA time zone",
        NAME_THE_PLACE,
        mended="hour: pl.Int8",
    ),
    "column_since_that_is_not_delivered": Broken(
        (READINGS, "provider: The lab", "provider: The lab\n    since: {temprature: 2024-01-04}"),
        "column `temprature` is not delivered",
        "did you mean `temperature`?",
        at="since:",
        mended="provider: The lab\n    since: {temperature: 2024-01-04}",
    ),
    "column_since_that_is_never_without_a_value": Broken(
        (READINGS, "provider: The lab", "provider: The lab\n    since: {hour: 2024-01-04}"),
        "column `hour` cannot be missing before 2024-01-04, since it is never without a value",
        "make it nullable in schema.py",
        at="since:",
        mended="provider: The lab\n    since: {temperature: 2024-01-04}",
    ),
    "column_since_no_partition": Broken(
        (READINGS, "provider: The lab", "provider: The lab\n    since: {temperature: 2024-01}"),
        "`2024-01` is no partition of this dataset",
        "name the first one that the provider delivers the column with",
        at="since:",
        mended="provider: The lab\n    since: {temperature: 2024-01-04}",
    ),
    "column_since_without_partitions": Broken(
        (STATIONS, "provider: The lab", "provider: The lab\n    since: {height: 2024-01-04}"),
        "this dataset has no partitions",
        "take it out",
        at="since:",
        also=((SCHEMA.replace("readings", "stations"), 'm", ge=0', 'm", ge=0, nullable=True'),),
    ),
    "gap_after_the_end": Broken(
        (READINGS, "tolerance: 0.5", "gaps: [{partition: 2024-02-01, reason: a holiday}]"),
        "`2024-02-01` is no partition of this dataset",
        "name one between the first and the last partition",
        mended="gaps: [{partition: 2024-01-20, reason: a holiday}]",
    ),
    **{
        f"{name}_without_zeros": Broken(
            (READINGS, old, f"{old}\n{written}"), "`2024-1-5` is no partition", "write `2024-01-05`", at=at, mended=old
        )
        for name, old, written, at in (
            ("gap", "tolerance: 0.5", "  gaps: [{partition: 2024-1-5, reason: a holiday}]", "gaps:"),
            ("accepted", "tolerance: 0.5", "  accepted: [{partition: 2024-1-5, reason: a storm}]", "accepted:"),
            ("since", "provider: The lab", "    since: {temperature: 2024-1-5}", "since:"),
        )
    },
    "gap_is_no_key": Broken(
        (READINGS, "tolerance: 0.5", "gaps: [{partition: 2024-01, reason: a holiday}]"),
        "`2024-01` is no partition",
        "name one between the first and the last partition",
    ),
    "gap_without_partitions": Broken(
        (STATIONS, "key: [station]", "key: [station]\n  gaps: [{partition: 2024-01-01, reason: a holiday}]"),
        "`2024-01-01` is no partition",
        "name one between",
        at="gaps:",
    ),
    "gap_without_reason": Broken(
        (READINGS, "tolerance: 0.5", "gaps: [{partition: 2024-01-06, reason: ' '}]"),
        "`reason` is ' '",
        "Why",
        mended="gaps: [{partition: 2024-01-06, reason: a holiday}]",
    ),
    "accepted_is_no_key": Broken(
        (READINGS, "tolerance: 0.5", "accepted: [{partition: 2024-01, reason: a storm}]"),
        "`2024-01` is no partition of this dataset",
        "name one between the first and the last partition",
        mended="accepted: [{partition: 2024-01-06, reason: a storm}]",
    ),
    "accepted_without_partition": Broken(
        (READINGS, "tolerance: 0.5", "accepted: [{delivery: 'c1815cc4fa1f', reason: a storm}]"),
        "`partition` is missing",
        "name the partition that is accepted",
        mended="accepted: [{partition: 2024-01-06, delivery: 'c1815cc4fa1f', reason: a storm}]",
    ),
    "accepted_without_partitions": Broken(
        (STATIONS, "key: [station]", "key: [station]\n  accepted: [{partition: 2024-01-06, reason: a storm}]"),
        "`2024-01-06` is no partition",
        "name one between",
        at="accepted:",
    ),
    "accepted_is_nothing": Broken(
        (STATIONS, "key: [station]", "key: [station]\n  accepted: [{reason: a storm}]"),
        "it is not said what is accepted",
        "name the `partition`, the `delivery` or both",
        at="accepted:",
    ),
    "accepted_delivery_is_no_hash": Broken(
        (READINGS, "tolerance: 0.5", "accepted: [{partition: 2024-01-06, delivery: the first, reason: a storm}]"),
        "`delivery` is 'the first'",
        "write text that fits (How the SHA-256 of the delivery begins, 12 digits or more;",
    ),
    "accepted_delivery_of_a_product": Broken(
        (
            DAILY,
            "key: [station, day]",
            "key: [station, day]\n  accepted: [{partition: 2024-01, delivery: 'c1815cc4fa1f', reason: x}]",
        ),
        "the dataset is made here, not delivered",
        "name the partition alone",
        at="accepted:",
    ),
    "too_many_partition_columns": Broken(
        (READINGS, "columns: [day]", "columns: [day, hour]"),
        "2 columns do not tell a day",
        "name one that begins with its key, or its 3 parts in order",
        at="partitions:",
        mended="columns: [day]",
    ),
    "parts_of_another_grain": Broken(
        (READINGS, "every: day", "every: month"),
        "3 columns do not tell a month",
        "name one that begins with its key, or its 2 parts in order",
        at="partitions:",
        mended="every: day",
        also=((READINGS, "columns: [day]", "columns: [day, day, day]"),),
    ),
}


@pytest.mark.parametrize("broken", [pytest.param(broken, id=name) for name, broken in CASES.items()])
def test_mistake_is_told_where_it_stands_and_how_to_mend_it(tree: Tree, broken: Broken) -> None:
    assert_told(tree, broken)
