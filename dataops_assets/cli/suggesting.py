"""`dataops suggest`: rules that the history of a dataset supports, as a patch for a person to review.

Not here: what is learned (`gate.learning`), and how the patch is made (`components.patching`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click
import polars as pl

from dataops_assets.components.patching import in_python, patch
from dataops_assets.contract import Dataset
from dataops_assets.gate.learning import Learner
from dataops_assets.steps.pending import partitions_of
from dataops_assets.storage.lake import Lake, outdated

_DEALT = 30
"""Into how many parts the rows of a dataset without partitions are dealt."""
_ROW = "__row"


def suggest_rules(lake: Lake, dataset: Dataset, defs: Path) -> None:
    """Tell what could be declared of a dataset, why, and the patch that does.

    Args:
        lake: Where its history lies.
        dataset: The dataset.
        defs: The folder that holds `policy.yaml`.

    Raises:
        click.ClickException: Too little is published to learn from, or there is no good row.
    """
    learner = Learner(dataset, "partition" if dataset.partitions else "part")
    for rows in _history(lake, dataset):
        learner.add(rows)
    try:
        found = learner.suggestions()
    except LookupError as error:
        raise click.ClickException(f"{dataset.name}: {error}") from error
    if not found:
        click.echo(f"{dataset.name}: nothing to suggest that is not declared already")
        return
    top = defs.parent.parent
    diff, left_out = patch(defs.parent / dataset.folder, top, found)
    rules = "1 rule" if len(found) == 1 else f"{len(found)} rules"
    click.echo(f"{dataset.name}: {rules} that its history supports. To accept all: dataops suggest {dataset.name} | git apply")
    for one in found:
        by_hand = "; its column is declared elsewhere: write it there by hand" if one in left_out else ""
        click.echo(f"\n  {one.rule}: {in_python(one)}\n      {one.evidence}{by_hand}")
    click.echo(f"\n{diff}", nl=False)


def _history(lake: Lake, dataset: Dataset) -> Iterator[pl.LazyFrame]:
    """The published rows by partition, in order; without partitions they are dealt out, so that all parts are alike."""
    here = lake.at_a_glance()
    keys = partitions_of(dataset, datetime.now(UTC))
    for made in lake.store.each(partial(here.published, dataset), keys):
        if made is None or outdated(dataset, made):
            continue
        rows = here.scan_versions(dataset, [made])
        if dataset.partitions:
            yield rows
            continue
        numbered = rows.with_row_index(_ROW)
        yield from (numbered.filter(pl.col(_ROW) % _DEALT == part).drop(_ROW) for part in range(_DEALT))
