"""How a contract breaks with what was promised before: what readers of a dataset rely on, and find changed.

A column more breaks nobody, and a rule more or less is told by what is rejected. Not here: where the older promise is read,
from what is published (`steps.promises`) or from git (`observe.changes`).
"""

from collections.abc import Mapping, Sequence

from dataops_assets.contract.dataset import Dataset
from dataops_assets.contract.schema import columns_of

REMEDY = 'declare it as a new dataset, and give this one an end: docs/how-to.md, "Break a contract"'


def breaks(columns: Mapping[str, str], key: Sequence[str] | None, dataset: Dataset) -> list[str]:
    """What a dataset changes of what was promised, in words; nothing if all that could be read before reads the same.

    Args:
        columns: The type of every column that was promised, as polars writes it.
        key: The key that was promised; None if that is not known.
        dataset: As it is declared now.
    """
    declared = columns_of(dataset.schema.polars)
    told = [
        f"column `{name}` was {dtype} and is {declared[name]}" if name in declared else f"column `{name}` is declared no more"
        for name, dtype in columns.items()
        if declared.get(name) != dtype
    ]
    if key is not None and set(key) != set(dataset.attributes.key):
        told.append(f"the key was {', '.join(key)} and is {', '.join(dataset.attributes.key)}")
    return told
