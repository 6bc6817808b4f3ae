"""The reference: committed as it is written from the types, and with every attribute there is."""

import re

import pytest

from dataops_assets.contract import DerivedAttributes, IngestedAttributes, Policy
from dataops_assets.observe.reference import reference
from dataops_assets_tests.checkout import PROJECT

ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]*) \| ([^|]+) \|$", re.MULTILINE)


def tables() -> dict[str, dict[str, tuple[str, str, str]]]:
    """Type, default and meaning of every attribute, by section."""
    sections = re.split(r"^## ", reference(), flags=re.MULTILINE)[1:]
    found = {}
    for section in sections:
        title, _, text = section.partition("\n")
        found[title.strip("`")] = {row[0]: (row[1].strip(), row[2].strip(), row[3].strip()) for row in ROW.findall(text)}
    return found


def test_the_committed_reference_is_current() -> None:
    committed = (PROJECT / "docs/reference.md").read_text(encoding="utf-8")
    assert committed == reference(), "run `python -m dataops_assets.observe.reference > docs/reference.md` and commit it"


def test_every_attribute_that_may_be_written_is_on_the_page_with_its_meaning() -> None:
    found = tables()
    roots = (("Every dataset", "A delivered dataset", IngestedAttributes), ("Every dataset", "A product", DerivedAttributes))
    for common, own, model in roots:
        assert {**found[common], **found[own]}.keys() == model.model_fields.keys()
    assert found["policy.yaml"].keys() == Policy.model_fields.keys()
    mappings = {name for table in found.values() for name, (kind, _, _) in table.items() if "mapping" in kind}
    assert mappings == {title.rpartition(".")[2] for title in found if " " not in title and title != "policy.yaml"}
    assert all(meaning for table in found.values() for _, _, meaning in table.values())


@pytest.mark.parametrize(
    ("section", "attribute", "kind", "default"),
    [
        ("Every dataset", "lifecycle", "text or mapping", ""),
        ("Every dataset", "tolerance", "share, from 0 to 1", "`0`"),
        ("Every dataset", "rules", "by name: `reject`, `warn`, `fail` or mapping", "none"),
        ("lifecycle", "class", "text", ""),
        ("partitions", "every", "`day`, `month`, `year`", ""),
        ("source", "complete", "mapping", '`{"quiet": 2.0}`'),
        ("source", "rows", "`[number, number]`", "`[0.5, 2.0]`"),
        ("source", "null_values", "list of texts", '`[""]`'),
        ("gaps", "reason", "text, not empty", ""),
        ("An entry of corrections.yaml", "drop", "by name: value or `true`", "none"),
        ("An entry of corrections.yaml", "valid_until", "day", ""),
        ("set", "from", "value", "none"),
        ("lifecycles", "raw", "duration, `{forever: <reason>}`, or [in full](#how-long-a-zone-is-kept)", ""),
        ("How long a zone is kept", "keep", "duration in days, or `{forever: <reason>}`", ""),
        ("platform", "adhoc", "[an area](#when-an-area-ends)", ""),
        ("platform", "ticks", "duration in days", ""),
    ],
)
def test_types_and_defaults_are_told_in_words(section: str, attribute: str, kind: str, default: str) -> None:
    assert tables()[section][attribute][:2] == (kind, default)
