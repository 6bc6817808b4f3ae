"""Pictures in metadata: what is unusual of a partition, where it may be shown."""

import base64
import re

from dataops_assets.components.charts import unusual_metadata
from dataops_assets.gate.verdict import Unusual

FAR_OFF = Unusual(statistic="delay.mean", surprise=3, told="delay.mean is 57, usually 5 to 21", value=57, before=(None, 5, 21))


def test_what_is_unusual_is_told_and_drawn():
    shown = unusual_metadata([FAR_OFF])["unusual"].md_str
    assert "* delay.mean is 57, usually 5 to 21" in shown
    picture = re.search(r"base64,(.*)\)", shown)
    assert picture
    assert base64.b64decode(picture[1]).startswith(b"\x89PNG")


def test_bounds_of_what_is_unusual_and_of_a_break_are_drawn():
    bounded = FAR_OFF.model_copy(update={"limit": 40.0})
    drawn = [unusual_metadata([one]) for one in (FAR_OFF, bounded, bounded.model_copy(update={"broken": 50.0}))]
    assert len({one["unusual"].md_str for one in drawn}) == 3


def test_nothing_is_drawn_of_what_may_not_be_shown_or_is_usual():
    assert unusual_metadata([FAR_OFF.model_copy(update={"value": None, "before": ()})]) == {}
    assert unusual_metadata([]) == {}


def test_what_a_provider_chose_is_neither_a_formula_nor_a_picture():
    strange = FAR_OFF.model_copy(
        update={"statistic": "cost_$^$.mean", "told": "kind.new is 5 %: ![x](http://elsewhere.example)"}
    )
    shown = unusual_metadata([strange])["unusual"].md_str
    assert r"\!\[x\]\(http://elsewhere.example\)" in shown
    assert "![x]" not in shown
    assert "base64," in shown
