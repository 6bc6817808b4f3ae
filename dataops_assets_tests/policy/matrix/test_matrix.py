"""Nobody but the pipeline: everybody × every action × everything, as rendered policies decide, against the table by hand."""

import time
from collections import Counter
from collections.abc import Callable, Iterable

from dataops_assets_tests.policy.matrix import expected
from dataops_assets_tests.policy.matrix.cells import Cell, Decided, counts, everything
from dataops_assets_tests.policy.matrix.places import with_others
from dataops_assets_tests.policy.matrix.rendered import access


def test_every_cell_is_as_the_table_says(record_property: Callable[[str, object], None]):
    ours, table = with_others(access()), expected.load()
    cells, policies = everything(ours), Decided(ours)
    began = time.perf_counter()
    decided = [policies.allows(cell) for cell in cells]
    seconds = time.perf_counter() - began

    wanted = [table.allows(cell) for cell in cells]
    differ = [each for each in zip(cells, decided, wanted, strict=True) if each[1] != each[2]]
    open_ = [cell for cell, got, _ in differ if got]
    closed = [cell for cell, _, want in differ if want]
    told = {**counts(cells), "allowed": sum(decided), "cells per second": round(len(cells) / seconds)}
    for name, count in told.items():
        record_property(name, count)
    assert not open_, f"allowed, and not in the table:\n{_told(open_)}"
    assert not closed, f"in the table, and denied:\n{_told(closed)}"
    assert not table.never_met(), "it stands in the table, and no cell is that"


def test_a_session_of_each_role_ends_when_the_table_says():
    hours, roles = expected.load().hours, {role.full_name: role.max_session_seconds for role in access().roles}
    assert roles == dict.fromkeys(roles, 3600) | {name: each * 3600 for name, each in hours.items()}


def _told(found: Iterable[Cell]) -> str:
    """Cells, those alike in one line."""
    alike = Counter((cell.caller.name, cell.action, cell.place.name) for cell in found)
    by: dict[tuple[str, str], list[str]] = {}
    for caller, action, place in alike:
        by.setdefault((caller, action), []).append(place)
    return "\n".join(
        f"  {caller} | {action} | {len(where)} places: {', '.join(where[:3])}" for (caller, action), where in by.items()
    )
