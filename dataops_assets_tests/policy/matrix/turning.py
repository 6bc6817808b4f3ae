"""Which cell a changed policy turns: each is one that the table holds, as rendered or of one lock by itself (`locks`)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dataops_assets.policy.access import Access, Caller, Role
from dataops_assets.policy.language import Policy, read_policy
from dataops_assets_tests.policy.matrix.cells import Cell, Decided
from dataops_assets_tests.policy.matrix.mutants import Mutant, Slot

_CLOSEST = {
    "identity": ("by its own policies",),
    "boundary": ("by the boundary", "/new"),
    "bucket": ("with all rights", "administrator", "stranger"),
    "key": ("with all rights", "with no rights", "administrator", "stranger"),
    "trust": (),
}
"""Who is asked first: those whom no other lock holds."""


class Matrix:
    """All cells, and which a mutant can touch.

    Args:
        access: The access as rendered.
        cells: All cells.
    """

    def __init__(self, access: Access, cells: Sequence[Cell]):
        self.access, self.cells = access, cells
        self._rendered = Decided(access)
        self._decided: dict[int, bool] = {}
        self._of: dict[Slot, dict[str, list[int]]] = {}
        by_caller: dict[int, list[int]] = {}
        by_place: dict[tuple[int, bool], list[int]] = {}
        for number, cell in enumerate(cells):
            by_caller.setdefault(id(cell.caller), []).append(number)
            by_place.setdefault((id(cell.place), cell.opened), []).append(number)
        self._by_caller, self._by_place = list(by_caller.values()), list(by_place.values())

    def turned(self, mutant: Mutant) -> Cell | None:
        """The first cell that it turns; None if there is none."""
        policy = read_policy(mutant.document, str(mutant.slot), mutant.slot.reads_as)
        changed, callers = Decided(_with(self.access, mutant.slot, policy)), dict[str, Caller]()
        for number in self._touched(mutant):
            # What lets more through closes nothing, and the other way round.
            if self._is_allowed(number) != (mutant.effect == "weaker"):
                cell = self.cells[number]
                caller = callers.get(cell.caller.name) or _asking(cell.caller, mutant.slot, policy)
                callers[cell.caller.name] = caller
                if changed.allows(cell, caller) != self._is_allowed(number):
                    return cell
        return None

    def _is_allowed(self, number: int) -> bool:
        if number not in self._decided:
            self._decided[number] = self._rendered.allows(self.cells[number])
        return self._decided[number]

    def _touched(self, mutant: Mutant) -> Iterator[int]:
        if mutant.slot not in self._of:
            by_action: dict[str, list[int]] = {}
            by_whom = mutant.slot.kind in ("identity", "boundary")
            alike = self._by_caller if by_whom else self._by_place
            about = sorted(number for each in alike if _is_about(mutant.slot, self.cells[each[0]]) for number in each)
            closest = _CLOSEST[mutant.slot.kind]
            for number in sorted(about, key=lambda number: not self.cells[number].caller.name.endswith(closest)):
                by_action.setdefault(self.cells[number].name, []).append(number)
            self._of[mutant.slot] = by_action
        for action in sorted(mutant.actions):
            for number in self._of[mutant.slot].get(action, ()):
                role = self.cells[number].caller.role
                if not mutant.role or (role and role.arn == mutant.role):
                    yield number


def _is_about(slot: Slot, cell: Cell) -> bool:
    role, arn = cell.caller.role, cell.place.arn
    if slot.kind == "identity":
        return role is not None and _is_of(role, slot) and any(one.name == _label(slot) for one in role.policies)
    if slot.kind == "boundary":
        return role is not None and role.environment == slot.environment and role.boundary is not None
    if cell.opened:
        return False
    if slot.kind == "bucket":
        return arn.partition("/")[0] == f"arn:aws:s3:::{slot.name}"
    kind = "key" if slot.kind == "key" else "role"
    named = arn.endswith(f"{kind}/{slot.name.removeprefix('alias/')}")
    return (
        cell.place.kind == kind and named and cell.place.name.endswith(slot.environment)
        if kind == "key"
        else (named and cell.place.service == "sts" and cell.place.name.startswith(f"role {slot.environment}/"))
    )


def _with(access: Access, slot: Slot, policy: Policy) -> Access:
    """The access with a policy in place of the one that stands there."""
    if slot.kind == "bucket":
        return replace(access, buckets={**access.buckets, slot.name: replace(access.buckets[slot.name], policy=policy)})
    if slot.kind == "key":
        (key,) = [one for one in access.keys.values() if (one.environment, one.name) == (slot.environment, slot.name)]
        return replace(access, keys={**access.keys, key.arn: replace(key, policy=policy)})
    if slot.kind == "trust":
        return replace(access, roles=tuple(replace(one, trust=policy) if _is_of(one, slot) else one for one in access.roles))
    return access


def _asking(caller: Caller, slot: Slot, policy: Policy) -> Caller:
    """Whoever asks, with a policy in place of his own or of his boundary."""
    role = caller.role
    if role and slot.kind == "boundary" and role.environment == slot.environment and role.boundary:
        return replace(caller, role=replace(role, boundary=policy))
    if role and slot.kind == "identity" and _is_of(role, slot):
        policies = tuple(policy if one.name == _label(slot) else one for one in role.policies)
        return replace(caller, role=replace(role, policies=policies))
    return caller


def _is_of(role: Role, slot: Slot) -> bool:
    return role.environment == slot.environment and role.arn.endswith(f"/{slot.name}")


def _label(slot: Slot) -> str:
    """What `access` calls a policy of a role."""
    return f"{slot.name}/{slot.label}"
