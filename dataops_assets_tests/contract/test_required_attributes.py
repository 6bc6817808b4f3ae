"""Whatever an attribute demands is asked for, with what it is for, at the line where it is missing."""

import copy
import functools
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from dataops_assets.contract import ContractError, DerivedAttributes, IngestedAttributes, Policy
from dataops_assets_tests.contract.broken import DAILY, POLICY, READINGS
from dataops_assets_tests.trees import GOOD, Tree

FULL: dict[str, dict[str, Any]] = {
    "ingested": {
        **yaml.safe_load(GOOD[READINGS])["attributes"],
        "gaps": [{"partition": "2024-01-06", "reason": "a holiday"}],
        "accepted": [{"partition": "2024-01-06", "reason": "a storm"}],
    },
    "derived": {
        **yaml.safe_load(GOOD[DAILY])["attributes"],
        "chart": {"x": "day", "y": "warmest", "title": "Warm"},
        "accepted": [{"partition": "2024-01", "reason": "a storm"}],
    },
    "policy": yaml.safe_load(
        GOOD[POLICY].replace("raw: 7 years", "raw: {keep: 7 years, colder: {after: 90 days, to: GLACIER_IR}}")
    ),
}
"""Every attribute that has required ones inside is written out."""
MODELS: dict[str, type[BaseModel]] = {"ingested": IngestedAttributes, "derived": DerivedAttributes, "policy": Policy}


def required(model: type[BaseModel], written: Any) -> list[tuple[str | int, ...]]:
    """The paths of all that the models demand, however deep."""
    found: list[tuple[str | int, ...]] = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        found += [(key,)] if field.is_required() else []
        inner = next((m for m in models_in(field.annotation)), None)
        value = written.get(key)
        children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        if inner and isinstance(value, dict) and set(value) & set(inner.model_fields):
            found += [(key, *path) for path in required(inner, value)]
        elif inner:
            found += [
                (key, step, *path) for step, child in children if isinstance(child, dict) for path in required(inner, child)
            ]
    return found


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from models_in(argument)


REQUIRED = [(kind, path) for kind, model in MODELS.items() for path in required(model, FULL[kind])]


@pytest.mark.parametrize(("kind", "path"), [pytest.param(k, p, id=".".join(map(str, (k, *p)))) for k, p in REQUIRED])
def test_what_is_required_is_asked_for(tree: Tree, kind: str, path: tuple[str | int, ...]) -> None:
    content = copy.deepcopy(FULL[kind])
    owner = functools.reduce(lambda value, step: value[step], path[:-1], content)
    del owner[path[-1]]
    owner["_"] = None  # keeps a mapping that is empty now; it is told, too
    file = {"ingested": READINGS, "derived": DAILY, "policy": POLICY}[kind]
    type_ = {"ingested": "IngestedDataset", "derived": "DerivedDataset"}.get(kind)
    tree.write(
        file, yaml.safe_dump({"type": f"dataops_assets.components.{type_}", "attributes": content} if type_ else content)
    )

    with pytest.raises(ContractError) as caught:
        tree.catalog()

    missing, unknown = sorted(caught.value.problems, key=lambda problem: "unknown" in problem.message)
    assert missing.message == f"`{path[-1]}` is missing"
    assert missing.remedy.startswith(f"add `{path[-1]}: …` (")  # and what it is for
    assert (missing.file, unknown.file) == (f"defs/{file}", f"defs/{file}")
    # At the line of what it is missing from, or right above it: for an item of a list both are one.
    assert tree.line(file, "_:") >= missing.line > 0
    parents = [str(step) for step in path[:-1] if isinstance(step, str)]
    text = (tree.defs / file).read_text().splitlines()[missing.line - 1]
    assert not parents or parents[-1] in text or text.lstrip().startswith("-")
