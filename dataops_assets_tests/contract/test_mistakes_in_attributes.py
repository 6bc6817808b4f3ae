"""What may stand in `defs.yaml` and `policy.yaml`: one good tree, and one broken tree for every rule."""

import pytest

from dataops_assets.contract import ContractError
from dataops_assets_tests.contract.broken import DAILY, POLICY, READINGS, SCHEMA, STATIONS, Broken, assert_told
from dataops_assets_tests.trees import GOOD, Tree

MANY = [f"{'many' * 12}-{number}" for number in range(6)]
CASES: dict[str, Broken] = {
    # what may be written at all
    "unknown_attribute": Broken(
        (READINGS, "tolerance: 0.5", "tolerence: 0.5"),
        "unknown attribute `tolerence`",
        "did you mean `tolerance`?",
        mended="tolerance: 0.5",
    ),
    "value_that_is_none_of_the_known": Broken(
        (READINGS, "every: day", "every: fortnight"),
        "`every` is 'fortnight'",
        "write one of `day`, `month` or `year` (How long one partition is.)",
    ),
    "number_above_its_limit": Broken(
        (READINGS, "tolerance: 0.5", "tolerance: 7"), "`tolerance` is 7", "write a number of at most 1 ("
    ),
    "number_below_its_limit": Broken(
        (READINGS, "tolerance: 0.5", "tolerance: -1"), "`tolerance` is -1", "write a number of at least 0 ("
    ),
    "text_in_place_of_a_number": Broken(
        (READINGS, "tolerance: 0.5", "tolerance: some"), "`tolerance` is 'some'", "write a number ("
    ),
    "text_in_place_of_a_list": Broken(
        (READINGS, "readers: [analysts, press]", "readers: analysts"),
        "`readers` is 'analysts'",
        "write a list: [one, another] (",
    ),
    "list_in_place_of_text": Broken((READINGS, "owner: lab", "owner: [lab]"), "`owner` is ['lab']", "write text; in quotes"),
    "list_without_an_entry": Broken(
        (READINGS, "readers: [analysts, press]", "readers: []"),
        "`readers` is []",
        "write as many entries as are needed, at least 1",
    ),
    "text_in_place_of_keys": Broken(
        (DAILY, "partitions: {every: month,", "partitions: x  # {"), "`partitions` is 'x'", "write `key: value` lines"
    ),
    "unknown_attribute_unlike_any": Broken(
        (READINGS, "tolerance: 0.5", "xyzzy: 1"), "unknown attribute `xyzzy`", "known here: description, owner, readers"
    ),
    "unknown_attribute_inside": Broken(
        (READINGS, "timezone: Europe/Oslo", "timezones: Europe/Oslo"),
        "unknown attribute `timezones`",
        "did you mean `timezone`?",
    ),
    "not_yaml": Broken((READINGS, "owner: lab", "owner: @lab"), "not readable as YAML", "mend the syntax at this line"),
    "no_mapping": Broken((POLICY, "", "- owners\n"), "not a mapping", "write `key: value` lines"),
    "key_twice": Broken(
        (READINGS, "tolerance: 0.5", "tolerance: 0.5\n  owner: nobody"),
        "`owner` stands here twice",
        "remove one of the two",
        at="owner: nobody",
        mended="tolerance: 0.5",
    ),
    "alias": Broken(
        (READINGS, "key: [station, day, hour]", "key: &key [station, day, hour]\n  description2: *key"),
        "a YAML alias",
        "write the value out",
        at="*key",
    ),
    "alias_in_a_list": Broken(
        (READINGS, "key: [station, day, hour]", "key:\n    - &s station\n    - day\n    - *s"),
        "a YAML alias",
        "write the value out",
        at="*s",
    ),
    "nested_so_deep_that_it_would_end_the_process": Broken(
        (READINGS, "owner: lab", f"owner: {'[' * 100_000}{']' * 100_000}"),
        "more than 20 values in one another",
        "write it flat",
    ),
    "tag_that_its_value_does_not_keep": Broken(
        (READINGS, "tolerance: 0.5", "tolerance: !!bool x"), "x cannot be read", "mend the value"
    ),
    "no_such_day": Broken((READINGS, "end: 2024-01-20", "end: 2024-02-30"), "2024-02-30 cannot be read", "mend the value"),
    "type_unknown": Broken(
        (READINGS, "type: dataops_assets.components.IngestedDataset", "type: dataops_assets.components.IngestDataset"),
        "unknown type",
        "did you mean `dataops_assets.components.IngestedDataset`?",
    ),
    "attributes_missing": Broken(
        (STATIONS, "", "type: dataops_assets.components.IngestedDataset\n"),
        "`attributes` is missing",
        "add `attributes:`",
        at="type",
    ),
    "folder_is_no_name": Broken(
        ("Heights/defs.yaml", "", GOOD[STATIONS]), "`Heights` cannot be the name of a dataset", "small letters", at="type:"
    ),
    "name_twice": Broken(
        ("x/stations/defs.yaml", "", GOOD[STATIONS]),
        "a dataset `stations` stands in defs/stations, too",
        "rename one of the folders",
        at="attributes:",
        also=(("x/stations/schema.py", "", GOOD["stations/schema.py"]),),
    ),
    # names
    "unknown_owner": Broken((READINGS, "owner: lab", "owner: labs"), "unknown owner `labs`", "did you mean `lab`?"),
    "unknown_readers": Broken(
        (READINGS, "readers: [analysts, press]", "readers: [analysts, press, pres]"),
        "unknown reader group `pres`",
        "did you mean `press`? (or name it in policy.yaml)",
    ),
    "unknown_classification": Broken(
        (DAILY, "classification: public", "classification: publik"), "unknown classification `publik`", "did you mean `public`?"
    ),
    "unknown_lifecycle": Broken(
        (READINGS, "lifecycle: standard", "lifecycle: eternal"),
        "unknown lifecycle class `eternal`",
        "use one of standard, short (or name it in policy.yaml)",
    ),
    # readers and classifications
    "no_readers": Broken(
        (READINGS, "readers: [analysts, press]", "readers: []"), "`readers` is []", "Reader groups of `policy.yaml`"
    ),
    # shares and durations
    "tolerance_above_1": Broken((READINGS, "tolerance: 0.5", "tolerance: 1.5"), "`tolerance` is 1.5", "The share of rows"),
    "tolerance_below_0": Broken((READINGS, "tolerance: 0.5", "tolerance: -0.1"), "`tolerance` is -0.1", "The share of rows"),
    "tolerance_is_a_word": Broken(
        (READINGS, "tolerance: 0.5", "tolerance: '0.5'"), "`tolerance` is '0.5'", "The share of rows", mended="tolerance: 0.5"
    ),
    "tolerance_is_yes": Broken(
        (READINGS, "tolerance: 0.5", "tolerance: yes"), "`tolerance` is True", "The share of rows", mended="tolerance: 1"
    ),
    "tolerance_of_a_rule_is_yes": Broken(
        (READINGS, "tolerance: 0.5", "rules: {noted: {tolerance: true}}"),
        "`tolerance` is True",
        "The share of rows",
        mended="rules: {noted: {tolerance: 1.0}}",
    ),
    "duration": Broken(
        (POLICY, "raw: 7 years", "raw: 7 yrs"),
        "'7 yrs' is not a duration",
        "`90 days`, `6 months`, `7 years`",
        mended="raw: 7 years",
    ),
    "duration_of_zero": Broken((POLICY, "raw: 7 years", "raw: 0 years"), "'0 years' is not a duration", "`7 years`"),
    "duration_without_end": Broken(
        (POLICY, "raw: 7 years", "raw: 99999999999 days"),
        "99999999999 days is longer than 1,000 years",
        "shorten it or `{forever: <the reason>}`",
        mended="raw: 7 years",
    ),
    "forever_without_reason": Broken(
        (POLICY, "raw: 7 years", "raw: forever"),
        "`forever` needs a reason",
        "write it as `{forever: <the reason>}`",
        mended="raw: {forever: we were told to}",
    ),
    "forever_with_an_empty_reason": Broken(
        (POLICY, "raw: 7 years", "raw: {forever: ' '}"),
        "`forever` needs a reason",
        "write it as `{forever: <the reason>}`",
        mended="raw: {forever: we were told to}",
    ),
    "due_forever": Broken(
        (READINGS, "tolerance: 0.5", "due: {forever: for fun}"),
        "is not a duration that ends",
        "write it as `12 hours`",
        mended="due: 12 hours",
    ),
    # lifecycles
    "raw_ends_first": Broken(
        (POLICY, "raw: 7 years", "raw: 1 year"),
        "raw ends after 1 year, before staged (2 years), which is rebuilt from it",
        "keep raw at least as long, or shorten staged",
        at="standard:",
        mended="raw: 2 years",
    ),
    "raw_ends_before_landing": Broken(
        (POLICY, "landing: 30 days", "landing: 8 years"),
        "landing is kept for 8 years, longer than raw (7 years)",
        "shorten landing",
        at="standard:",
    ),
    "override_without_reason": Broken(
        (READINGS, "lifecycle: standard", "lifecycle: {class: standard, staged: 1 year}"),
        "differs from its lifecycle class without a reason",
        "add `reason: <why>`",
        mended="lifecycle: {class: standard, staged: 1 year, reason: it is large}",
    ),
    "override_with_an_empty_reason": Broken(
        (READINGS, "lifecycle: standard", "lifecycle: {class: standard, staged: 1 year, reason: ' '}"),
        "`reason` is ' '",
        "Why this dataset differs",
        mended="lifecycle: {class: standard, staged: 1 year, reason: it is large}",
    ),
    "override_ends_first": Broken(
        (READINGS, "lifecycle: standard", "lifecycle: {class: standard, staged: 8 years, reason: it is small}"),
        "raw ends after 7 years, before staged (8 years)",
        "keep raw at least as long, or shorten staged",
        mended="lifecycle: {class: standard, staged: 8 years, raw: 8 years, reason: it is small}",
    ),
    "override_of_landing": Broken(
        (READINGS, "lifecycle: standard", "lifecycle: {class: standard, landing: 8 years, reason: it is small}"),
        "landing is kept for 8 years, longer than raw (7 years)",
        "shorten landing",
    ),
    # what stands twice
    "key_column_twice": Broken(
        (READINGS, "key: [station, day, hour]", "key: [station, day, hour, day]"),
        "`day` stands twice in `key`",
        "remove it once",
        mended="key: [station, day, hour]",
    ),
    "reader_twice": Broken(
        (DAILY, "readers: [analysts, press]", "readers: [analysts, press, analysts]"),
        "`analysts` stands twice in `readers`",
        "remove it once",
        mended="readers: [analysts, press]",
    ),
    "input_twice": Broken(
        (DAILY, "inputs: [readings, stations]", "inputs: [readings, stations, readings]"),
        "`readings` stands twice in `inputs`",
        "remove it once",
        mended="inputs: [readings, stations]",
    ),
    "gap_twice": Broken(
        (
            READINGS,
            "tolerance: 0.5",
            "tolerance: 0.5\n  gaps: [{partition: 2024-01-02, reason: a}, {partition: 2024-01-02, reason: b}]",
        ),
        "`2024-01-02` stands twice in `gaps`",
        "remove it once",
        at="gaps:",
        mended="tolerance: 0.5\n  gaps: [{partition: 2024-01-02, reason: a}]",
    ),
    # policy.yaml and examples.yaml
    "policy_missing": Broken((POLICY, "", None), "is missing", "write defs/policy.yaml", at=""),
    "required_attribute_misspelled": Broken(
        (READINGS, "owner: lab", "ower: lab"), "unknown attribute `ower`", "did you mean `owner`?", mended="owner: lab"
    ),
    "policy_unknown_attribute": Broken(
        (POLICY, "contact: lab@", "contacts: lab@"),
        "unknown attribute `contacts`",
        "did you mean `contact`?",
        mended="contact: lab@",
    ),
    "policy_without_public": Broken(
        (POLICY, "public: For anyone.", "open: For anyone."),
        "`public` is missing",
        "name it first",
        at="classifications:",
    ),
    "reader_with_a_name_that_no_tag_can_hold": Broken(
        (POLICY, "press: Who tells the public.", "press, radio: Who tells the public."),
        "`press, radio` cannot be the tag of an object",
        "call it by letters",
        at="readers:",
    ),
    "readers_that_no_tag_can_hold": Broken(
        (READINGS, "readers: [analysts", f"readers: [{', '.join(MANY)}, analysts"),
        "the names of its 8 readers are longer than the tag of an object, 256",
        "name one group in policy.yaml for several of them",
        mended="readers: [analysts",
        also=tuple((POLICY, "  press:", f"  {name}: Many.\n  press:") for name in MANY),
    ),
    "examples_are_no_mapping": Broken(("readings/examples.yaml", "", "- good\n"), "not a mapping", "write `key: value` lines"),
}


@pytest.mark.parametrize("broken", [pytest.param(broken, id=name) for name, broken in CASES.items()])
def test_mistake_is_told_where_it_stands_and_how_to_mend_it(tree: Tree, broken: Broken) -> None:
    assert_told(tree, broken)


def test_what_stands_twice_hides_no_mistake_of_another_dataset(tree: Tree) -> None:
    tree.edit(READINGS, "key: [station, day, hour]", "key: [station, day, hour, day]")
    tree.edit(STATIONS, "owner: lab", "owner: nobody")
    with pytest.raises(ContractError) as caught:
        tree.catalog()
    assert [problem.message for problem in caught.value.problems] == ["`day` stands twice in `key`", "unknown owner `nobody`"]


def test_several_mistakes_are_told_at_once(tree: Tree) -> None:
    tree.edit(POLICY, "raw: 7 years", "raw: 7 yrs")
    tree.edit(READINGS, "owner: lab", "owner: [lab]")
    tree.edit(READINGS, "tolerance: 0.5", "tolerance: 2")
    tree.remove(SCHEMA.replace("readings", "stations"))

    with pytest.raises(ContractError) as caught:
        tree.catalog()

    told = [(problem.file, problem.line) for problem in caught.value.problems]
    assert told == [
        ("defs/policy.yaml", tree.line(POLICY, "7 yrs")),
        ("defs/readings/defs.yaml", tree.line(READINGS, "owner:")),
        ("defs/readings/defs.yaml", tree.line(READINGS, "tolerance: 2")),
        ("defs/stations/defs.yaml", 1),
    ]
    assert str(caught.value).startswith("4 mistakes in the contracts:\ndefs/policy.yaml:")


@pytest.mark.parametrize("file", [READINGS, POLICY, "readings/more/helper.py"])
def test_file_that_is_not_utf8_is_told_with_its_line(tree: Tree, file: str) -> None:
    tree.write("readings/more/helper.py", "x = 1\n# description: of x\n")
    text = (tree.defs / file).read_text(encoding="utf-8")
    tree.write(file, text.replace("description: ", "description: Ø ", 1).encode("latin-1"))

    with pytest.raises(ContractError) as caught:
        tree.catalog()

    [problem] = caught.value.problems
    line = text.splitlines().index(next(line for line in text.splitlines() if "description: " in line)) + 1
    assert (problem.file, problem.line, problem.remedy) == (f"defs/{file}", line, "save it as UTF-8 text")
