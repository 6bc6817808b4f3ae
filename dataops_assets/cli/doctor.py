"""`dataops doctor`: what was chosen, and whether it can be trusted, check by check.

Not here: the checks (`observe.doctor`).
"""

from collections import Counter

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from dataops_assets import deployment
from dataops_assets.catalog import DEFS
from dataops_assets.garbage import collect_again
from dataops_assets.observe.doctor import Check, chosen, examine, races_of, signed_in
from dataops_assets.settings import DeploymentError

_STYLES = {"ok": "green", "limited": "yellow", "wrong": "bold red", "not checked": "yellow"}


def examine_deployment(rounds: int) -> int:
    """Check the current deployment, and tell.

    Args:
        rounds: How often writers race for an object.

    Returns:
        1 if something is wrong; else 0, even if something was not checked.
    """
    collect_again()
    console = Console(soft_wrap=True, emoji=False, highlight=False)
    try:
        here = deployment.current()
    except DeploymentError as error:
        _tell(console, Check("variables", "wrong", str(error), "mend that, and ask again"))
        return 1
    who = signed_in(here)
    for name, value in chosen(here, who).items():
        console.print(f"{name:20} {escape(value)}")
    console.print()
    states: Counter[str] = Counter()
    columns = (
        TextColumn("writers race for one object"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=rounds * len(races_of(here)), visible=False)

        def after_round() -> None:
            progress.update(bar, advance=1, visible=True)

        for check in examine(here, who, DEFS, rounds, after_round):
            progress.update(bar, visible=False)
            _tell(console, check)
            states[check.state] += 1
    told = [f"{states['wrong']} wrong" if states["wrong"] else "nothing is wrong"]
    told += [f"{states[state]} {state}" for state in ("limited", "not checked") if states[state]]
    console.print("\n" + " · ".join(told), style="bold")
    return 1 if states["wrong"] else 0


def _tell(console: Console, check: Check) -> None:
    style = _STYLES[check.state]
    console.print(f"{check.name:20} [{style}]{check.state:12}[/] {escape(check.told)}")
    if check.remedy:
        console.print(f"{'':33} → {escape(check.remedy)}")
