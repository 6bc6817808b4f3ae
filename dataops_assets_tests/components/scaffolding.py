"""Scaffolding on a small tree: what its tests share."""

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from dataops_assets.components.scaffold import DerivedParams, DerivedScaffolder, IngestedParams, IngestedScaffolder
from dataops_assets.gate.examples import failed_examples
from dataops_assets_tests.trees import Tree

TRAINS = """\
train_no,line,speed,late,price,day,seen
1,"Oslo, west",100,true,1.5,2024-01-05,2024-01-05T10:00:00Z
2,no,NA,false,2,2024-01-05,2024-01-05T11:00:00+01:00
3,no,120,false,NA,2024-01-05,2024-01-05T10:00:00Z
"""


def scaffold(tree: Tree, folder: str, *, form: Any = "yaml", **params: Any) -> str:
    """Scaffold into a folder below `defs/`; the name of the dataset."""
    scaffolder, model = (DerivedScaffolder, DerivedParams) if "inputs" in params else (IngestedScaffolder, IngestedParams)
    request = dg.ScaffoldRequest(
        type_name="unused",
        target_path=tree.defs / folder,
        scaffold_format=form,
        project_root=tree.root,
        params=model(**{"readers": ["analysts"], **params}),  # type: ignore[arg-type]
    )
    scaffolder().scaffold(request)
    return Path(folder).name


def sample(tree: Tree, content: str | bytes = TRAINS, file: str = "trains.csv") -> str:
    path = tree.root / file
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def written(tree: Tree, folder: str) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((tree.defs / folder).iterdir()) if path.is_file()}


def published(tree: Tree, name: str, path: str, partition: str | None = None) -> pl.DataFrame:
    """Deliver a file, run it through, and read what was published, all of it."""
    dataset = tree[name]
    assert failed_examples(dataset) == []
    assert dataset.ingested
    file = dataset.ingested.source.files.replace("{partition}", partition or "")
    tree.drop(name, file, Path(path).read_bytes())
    (received,), (staged,) = tree.receive(name, partition), tree.stage(name, partition)
    assert (received.reason, staged.reason) == ("", "")
    assert staged.verdict
    assert staged.verdict.rows
    assert staged.verdict.rows.rejected == 0
    return tree.read(name, partition)
