"""A thousand datasets of fifty reader groups, as a large company might declare them."""

from dataclasses import replace
from itertools import combinations
from typing import Any

from dataops_assets.catalog import load_catalog
from dataops_assets.contract import Catalog, Dataset, Policy
from dataops_assets.contract.model import LifecycleChoice

SAMPLE = load_catalog()
GROUPS = [f"readers-of-department-{i:02}" for i in range(50)]


def company(
    datasets: int = 1000,
    groups: list[str] = GROUPS,
    readers: int = 60,
    providers: int = 40,
    classes: int = 20,
    lifecycles: int = 5,
) -> Catalog:
    """Contracts of a company; half of its datasets are delivered, and half are made here.

    Args:
        datasets: How many there are.
        groups: Its reader groups, beside `branches`.
        readers: How many combinations of them read something.
        providers: How many deliver.
        classes: How many lifecycle classes there are.
        lifecycles: In how many ways a tenth of the datasets differs from its class.
    """
    operational = SAMPLE.policy.lifecycles["operational"]
    policy: Policy = SAMPLE.policy.model_copy(
        update={
            "readers": dict.fromkeys([*groups, "branches"], "Who reads."),
            "lifecycles": {f"class-{i:02}": operational for i in range(classes)},
        }
    )
    pairs = [*((group,) for group in groups), *combinations(groups, 2)][:readers]
    assert len(pairs) == readers
    return Catalog(policy, [_dataset(i, pairs, providers, classes, lifecycles) for i in range(datasets)], SAMPLE.source)


def _dataset(i: int, pairs: list[tuple[str, ...]], providers: int, classes: int, lifecycles: int) -> Dataset:
    choice: dict[str, Any] = {"class": f"class-{i % classes:02}"}
    if i % 10 == 0:
        days = f"{365 + i // 10 % lifecycles} days"
        choice |= {"reason": "x", "staged": days, "curated": days}
    like = SAMPLE["flights" if i % 2 else "carrier_punctuality"]
    update: dict[str, Any] = {"readers": pairs[i % len(pairs)], "lifecycle": LifecycleChoice.model_validate(choice)}
    if like.ingested:
        update["source"] = like.ingested.source.model_copy(update={"provider": f"Provider number {i // 2 % providers:03}"})
    return replace(like, name=f"dataset_of_the_company_{i:04}", attributes=like.attributes.model_copy(update=update))
