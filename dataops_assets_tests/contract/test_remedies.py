"""What is told of a value that cannot stand, word for word: which one it is, what would stand well, and what it is for."""

import pytest

from dataops_assets_tests.contract.broken import DAILY, POLICY, READINGS, Broken, assert_told
from dataops_assets_tests.trees import Tree

ROWS, TOLERANCE = "rows: [0.5, 2]", "tolerance: 0.5"
QUOTES = "write text; in quotes, if it looks like a number or a date"
OF_ROWS = "(How many rows a delivery may have, as shares of the median of the partitions before it; `null` for any.)"
OF_SHARE = "(The share of rows that may be rejected before the whole partition is refused.)"
OF_RULES = "(By rule, `reject`, `warn`, `fail`, or `{severity, tolerance}`, where the default does not fit.)"
OF_DELIVERIES = (
    "(The dataset whose deliveries these are, where this one is a new version of it: they are dropped and kept once, "
    "and judged by the contract of each.)"
)
OF_READERS = "(Reader groups by name, with who they are. `branches` are branch and dev deployments.)"
OF_PARTS = (
    "(The delivered columns that tell a row's partition: one that begins with the key, or its parts in order "
    "(year, month, day); of a column of moments, the day that each is in, in that time zone. Every delivery is compared with "
    "them.)"
)
A_RULE = "write `warn`, or `{severity: warn, tolerance: 0.1}`"
A_CLASS = "write one of `policy.yaml`, or `{class, reason, <zone>: <duration>}`"

CASES: dict[str, Broken] = {
    # limits
    "too_small": Broken(
        (READINGS, TOLERANCE, "tolerance: -1"),
        "`tolerance` is -1: input should be greater than or equal to 0",
        f"write a number of at least 0 {OF_SHARE}",
    ),
    "too_large": Broken(
        (READINGS, TOLERANCE, "tolerance: 1.5"),
        "`tolerance` is 1.5: input should be less than or equal to 1",
        f"write a number of at most 1 {OF_SHARE}",
    ),
    "too_few": Broken(
        (READINGS, "readers: [analysts, press]", "readers: []"),
        "`readers` is []: list should have at least 1 item after validation, not 0",
        "write as many entries as are needed, at least 1 (Reader groups of `policy.yaml`.)",
    ),
    "too_many": Broken(
        (READINGS, "columns: [day]", "columns: [day, day, day, day]"),
        "`columns` is ['day', 'day', 'day', 'day']: list should have at most 3 items after validation, not 4",
        f"write fewer entries, at most 3 {OF_PARTS}",
    ),
    "empty_text": Broken(
        (READINGS, TOLERANCE, "gaps: [{partition: 2024-01-06, reason: ''}]"),
        "`reason` is '': string should have at least 1 character",
        "write text that is not empty (Why.)",
    ),
    "blank_text": Broken(
        (DAILY, "key: [station, day]", "declassified: ' '\n  key: [station, day]"),
        "`declassified` is ' ': string should have at least 1 character",
        "write text that is not empty (Why it may have wider readers or a lower classification than an input.)",
    ),
    "text_of_another_pattern": Broken(
        (READINGS, ROWS, "deliveries: Old readings"),
        "`deliveries` is 'Old readings': string should match pattern '^[a-z][a-z0-9_]{0,62}$'",
        f"write text that fits {OF_DELIVERIES}",
        mended=ROWS,
    ),
    # entries of lists
    "entry_missing": Broken(
        (READINGS, ROWS, "rows: [0.5]"), "entry 2 of `rows` is missing", f"add it {OF_ROWS}", mended="rows: [0.5, 3]"
    ),
    "entry_too_many": Broken(
        (READINGS, ROWS, "rows: [0.5, 2, 3]"),
        "`rows` is [0.5, 2, 3]: list should have at most 2 items after validation, not 3",
        f"write fewer entries, at most 2 {OF_ROWS}",
    ),
    "first_entry": Broken(
        (READINGS, ROWS, "rows: [-1, 2]"),
        "entry 1 of `rows` is -1: input should be greater than or equal to 0",
        f"write a number of at least 0 {OF_ROWS}",
    ),
    "second_entry": Broken(
        (READINGS, ROWS, "rows: [0.1, 0.5]"),
        "entry 2 of `rows` is 0.5: input should be greater than or equal to 1",
        f"write a number of at least 1 {OF_ROWS}",
    ),
    "first_entry_is_a_count": Broken(
        (READINGS, ROWS, "rows: [100, 5000]"),
        "entry 1 of `rows` is 100: input should be less than or equal to 1",
        f"write a number of at most 1 {OF_ROWS}",
    ),
    "waiting_for_ever": Broken(
        (READINGS, ROWS, "complete: {quiet: .inf}"),
        "`quiet` is inf: input should be a finite number",
        "write a number that is finite (No file of the delivery changed for this long. Without any of the three: 2 seconds.)",
    ),
    "entry_of_texts": Broken(
        (READINGS, "readers: [analysts, press]", "readers: [analysts, 5]"),
        "entry 2 of `readers` is 5: input should be a valid string",
        f"{QUOTES} (Reader groups of `policy.yaml`.)",
    ),
    "entry_of_models": Broken(
        (READINGS, "- {columns: [station], dataset: stations}", "- stations"),
        "entry 1 of `references` is 'stations': input should be a valid dictionary or instance of reference",
        "write `key: value` lines (Values that must exist in other datasets.)",
    ),
    "attribute_of_an_entry": Broken(
        (READINGS, TOLERANCE, "gaps: [{partition: 2024-01-06}]"),
        "`reason` is missing",
        "add `reason: …` (Why.)",
        mended="gaps: [{partition: 2024-01-06, reason: a holiday}]",
    ),
    # what mappings hold by a name
    "named_text": Broken(
        (POLICY, "press: Who tells the public.", "press: 5"),
        "`press` of `readers` is 5: input should be a valid string",
        f"{QUOTES} {OF_READERS}",
    ),
    "named_model": Broken(
        (POLICY, "lab:\n    description: Measures the weather.\n    contact: lab@example.com", "lab: x"),
        "`lab` of `owners` is 'x': input should be a valid dictionary or instance of owner",
        "write `key: value` lines (Teams by name.)",
    ),
    "named_like_an_attribute": Broken(
        (READINGS, TOLERANCE, "rules: {tolerance: {tolerance: 2}}"),
        "`tolerance` is 2: input should be less than or equal to 1",
        "write a number of at most 1 (The share of rows that may break the rule before it warns or fails; for a rejecting rule,"
        " before the whole partition is refused.)",
        mended="rules: {noted: {tolerance: 1.0}}",
    ),
    "name_that_is_a_number": Broken(
        (READINGS, TOLERANCE, "rules: {5: warn}"),
        "a name in `rules` is 5: input should be a valid string",
        f"{QUOTES} {OF_RULES}",
        mended="rules: {noted: warn}",
    ),
    # what may be written in short
    "rule_as_a_list": Broken(
        (READINGS, TOLERANCE, "rules: {noted: [warn]}"),
        "`noted` of `rules`: ['warn'] tells nothing of a rule",
        A_RULE,
        mended="rules: {noted: {severity: warn, tolerance: 0.1}}",
    ),
    "rule_of_nothing": Broken(
        (READINGS, TOLERANCE, "rules:\n    noted:"),
        "`noted` of `rules`: None tells nothing of a rule",
        A_RULE,
        at="noted:",
        mended="rules:\n    noted: warn",
    ),
    "rule_of_another_severity": Broken(
        (READINGS, TOLERANCE, "rules: {noted: maybe}"),
        "`severity` is 'maybe': input should be 'reject', 'warn' or 'fail'",
        "write one of `reject`, `warn` or `fail` (`reject`, `warn` or `fail`.)",
        mended="rules: {noted: fail}",
    ),
    "class_as_a_list": Broken(
        (READINGS, "lifecycle: standard", "lifecycle: [standard]"),
        "`lifecycle`: ['standard'] names no lifecycle class",
        A_CLASS,
        mended="lifecycle: {class: standard, reason: it is small, staged: 1 year}",
    ),
    "class_of_nothing": Broken(
        (READINGS, "lifecycle: standard", "lifecycle:"), "`lifecycle`: None names no lifecycle class", A_CLASS
    ),
}


@pytest.mark.parametrize("broken", [pytest.param(broken, id=name) for name, broken in CASES.items()])
def test_value_that_cannot_stand_is_told_word_for_word(tree: Tree, broken: Broken) -> None:
    problem = assert_told(tree, broken)
    assert (problem.message, problem.remedy) == (broken.says, broken.remedy)
