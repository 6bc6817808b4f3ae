"""How `dataops run` ends: what is most worth a look, every dataset, and what to do next; in 25 lines if all is well.

Not here: what runs (`running`), what is worth a look (`observe.findings`).
"""

import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dataops_assets import deployment
from dataops_assets.catalog import DEFS
from dataops_assets.contract import Dataset
from dataops_assets.contract.errors import as_seen_from
from dataops_assets.observe.findings import Finding, findings
from dataops_assets.observe.tally import Tally, tally_all
from dataops_assets.steps.pending import not_whole
from dataops_assets.storage import landing
from dataops_assets.storage.lake import Lake, name_of

_MOST_WORTH = 3
_MOST_UNMET = 20
_MOST_DATASETS = 11
LINEAGE = "/asset-groups?expanded=global@global:staged,global@global:curated"
"""The page of the UI that shows the graph of all assets, with the published zones unfolded."""


def summarise(
    lake: Lake, datasets: Sequence[Dataset], failures: Sequence[str], runs: int, seconds: float, console: Console
) -> bool:
    """Tell how it ended.

    Args:
        lake: Where everything lies, perhaps as it was a while ago.
        datasets: What was to be run.
        failures: What failed in ways that no verdict tells.
        runs: How many runs there were.
        seconds: How long they took.
        console: Where to tell it.

    Returns:
        Whether all that the contracts demand holds.
    """
    now = datetime.now(UTC)
    counted = [(dataset, tally_all(lake, dataset, now)) for dataset in datasets]
    if any(finding.unmet for finding in findings(lake, counted, now)):  # or another run has published meanwhile
        lake = lake.at_another_glance()
        counted = [(dataset, tally_all(lake, dataset, now)) for dataset in datasets]
    worth = findings(lake, counted, now)
    unmet = [finding for finding in worth if finding.unmet]
    holds = not unmet and not failures
    _print_findings("not as the contract demands", unmet[:_MOST_UNMET], console)
    if len(unmet) > _MOST_UNMET:
        console.print(f"… and {len(unmet) - _MOST_UNMET} more: {command('status')}")
    _print_findings("worth a look, the worst first", [one for one in worth if not one.unmet][:_MOST_WORTH], console)
    for failure in failures[:_MOST_UNMET]:
        console.print(from_here(failure), style="red", highlight=False)
    if len(failures) > _MOST_UNMET:
        console.print(f"… and {len(failures) - _MOST_UNMET} more failures", style="red")
    _print_landing(lake, datasets, now, console)
    console.print(_table(counted))
    if refused := sum(tally.delivered_in_refused for _, tally in counted):
        console.print(f"of the rows in, {refused:,} are of deliveries that were refused", highlight=False)
    told = "all that the contracts demand holds" if holds else "not all that the contracts demand holds"
    counted_runs = f"{runs} run{'s' * (runs != 1)}" + (f" · {len(failures)} failed" if failures else "")
    console.print(f"{told} · {counted_runs} · {seconds:.0f} s · files in {lake.store.where}", style="bold", highlight=False)
    if holds and deployment.current().pipeline is None:  # nobody is invited to break prod
        _invite(lake, console)
    return holds


def _print_findings(title: str, shown: Sequence[Finding], console: Console) -> None:
    if shown:
        console.print(title, style="bold")
    ui = deployment.current().ui
    for finding in shown:
        # Where the contract is not met, the way out must not be cut off.
        told = from_here(finding.told)
        told = told if finding.unmet or len(told) < console.width else f"{told[: console.width - 3]}…"
        console.print(f"  {told}", style="red" if finding.unmet else "", highlight=False)
        console.print(
            f"    {command('status', finding.dataset.name, finding.partition or '')} · {ui}{finding.page}",
            style="dim",
            highlight=False,
        )


def _print_landing(lake: Lake, datasets: Sequence[Dataset], now: datetime, console: Console) -> None:
    """What lies in landing and was not received."""
    waiting = [(dataset, arrival) for dataset in datasets for arrival in not_whole(lake, dataset, now)]
    for dataset, arrival in waiting[:_MOST_UNMET]:
        what = f"{dataset.name} {arrival.partition or ''}".strip()
        console.print(f"{what}: the delivery is not whole, waiting for {arrival.waiting_for}", style="yellow", highlight=False)
    if len(waiting) > _MOST_UNMET:
        console.print(f"… and {len(waiting) - _MOST_UNMET:,} more deliveries that are not whole", style="yellow")
    found = {command("status", dataset.name): landing.strays(lake.landing, dataset, now) for dataset in datasets}
    found[command("status")] = landing.foreign(lake.landing, lake.catalog)
    for asked, strays in found.items():
        if strays:
            more = f" ({len(strays) - 1:,} more: {asked})" if len(strays) > 1 else ""
            console.print(f"{strays[0]}{more}", style="" if strays[0].early else "yellow", highlight=False)


def _table(counted: Sequence[tuple[Dataset, Tally]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    for column in ("dataset", "parts", "rows in", "published", "merged", "warned", "rejected"):
        words = column in ("dataset", "rejected")
        table.add_column(column, justify="left" if words else "right", no_wrap=True, ratio=1 if column == "rejected" else None)
    ordered = sorted(
        counted,
        key=lambda pair: (-len(pair[1].refusals), -len(pair[1].missing) - pair[1].is_old, -pair[1].warned, -pair[1].rejected),
    )
    for dataset, tally in ordered[:_MOST_DATASETS]:
        by_rule = ", ".join(f"{rule} {count:,}" for rule, count in tally.rejecting.most_common())
        rejected = f"{tally.rejected:,}" + (f": {by_rule}" if by_rule else "")
        counts = (tally.delivered, tally.good, tally.merged, tally.warned)
        published = f"{tally.published}/{tally.expected}"
        table.add_row(name_of(dataset, None), published, *(f"{count:,}" for count in counts), rejected)
    if len(ordered) > _MOST_DATASETS:
        table.add_row(f"… and {len(ordered) - _MOST_DATASETS} more: {command('status')}")
    return table


def _invite(lake: Lake, console: Console) -> None:
    component = "dataops_assets.components.IngestedDataset"
    invitations = {"look": f"make dev, then {deployment.current().ui}{LINEAGE}"}
    if "flights" in lake.catalog.datasets:  # of the sample
        invitations["break it"] = f"{command('deliver')} flights 2013-03-10 --fault renamed-column, then {command('run')}"
    invitations["add your own"] = f"{command(program='dg')} scaffold defs {component} --help"
    for title, what in invitations.items():
        console.print(f"{title:13} {what}", highlight=False)


def command(*words: str, program: str = "dataops") -> str:
    """A command as it can be typed here: with the way to it, where it is not on the path."""
    found = program if shutil.which(program) else str(Path(sys.argv[0]).with_name(program))
    return " ".join(filter(None, (found, *words)))


def from_here(text: str) -> str:
    """What was told, with every line of a declared file named as an editor finds it from here, as mistakes are at load."""
    return as_seen_from(text, Path.cwd(), DEFS.parent)
