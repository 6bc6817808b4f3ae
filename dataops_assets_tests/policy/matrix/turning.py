"""Which cell a changed policy turns, and where: in the matrix as it is, or only where a second lock on the same door is open.

Much is locked twice: what a role may not do by its own policy, the policy of the bucket or key forbids as well, and the other
way round. To see that each lock holds by itself, a mutant that turns nothing is tried once more with the other one open:

    identities alone    buckets and keys let everybody of both accounts in, and there is no boundary; left is a role's own
    resources alone     each role has all rights and no boundary; what is left is what buckets and keys let through
    boundary alone      both: each role has all rights, everything is open, and the boundary is all there is
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from dataops_assets.policy.access import Access, Caller, Resource, Role
from dataops_assets.policy.language import Policy, read_policy
from dataops_assets_tests.policy.matrix.callers import ALL_RIGHTS
from dataops_assets_tests.policy.matrix.cells import Cell
from dataops_assets_tests.policy.matrix.mutants import LONGEST_SECONDS, Mutant, Slot

WORLDS = {
    "identity": ("as rendered", "identities alone"),
    "boundary": ("as rendered", "boundary alone"),
    "bucket": ("as rendered", "resources alone"),
    "key": ("as rendered", "resources alone"),
    "trust": ("as rendered",),
    "session": ("as rendered",),
}
_CLOSEST = ("administrator", "/new", "stranger", "pipeline")
"""Who is asked first: those whom only the other lock holds."""


@dataclass(frozen=True)
class Turned:
    """A cell that a mutant turns.

    Attributes:
        world: Which locks were closed.
        cell: The cell.
    """

    world: str
    cell: Cell


class World:
    """The matrix, with some of the locks open.

    Args:
        name: Which are closed.
        access: The access as rendered.
        cells: All cells.
    """

    def __init__(self, name: str, access: Access, cells: Sequence[Cell]):
        self.name, self.cells = name, cells
        self.access = access if name in ("as rendered", "resources alone") else _open(access)
        self._decided: dict[int, bool] = {}

    def decide(self, access: Access, cell: Cell, roles: dict[str, Caller]) -> bool:
        """How a cell is decided, by some access."""
        caller = roles.get(cell.caller.name) or self._caller(access, cell.caller)
        roles[cell.caller.name] = caller
        return access.may(caller, cell.name, cell.place.arn, cell.context).allowed

    def decided(self, number: int) -> bool:
        """How a cell is decided as nothing is changed."""
        if number not in self._decided:
            self._decided[number] = self.decide(self.access, self.cells[number], self._roles)
        return self._decided[number]

    @cached_property
    def _roles(self) -> dict[str, Caller]:
        return {}

    def _caller(self, access: Access, caller: Caller) -> Caller:
        if caller.role is None:
            return caller
        known = next((role for role in access.roles if role.arn == caller.role.arn), caller.role)
        if known is caller.role and caller.role.policies == (ALL_RIGHTS,) and caller.role.boundary:
            known = replace(known, boundary=_boundary(access, known.environment))
        if self.name == "resources alone":
            known = replace(known, policies=(ALL_RIGHTS,), boundary=None)
        if self.name == "identities alone":
            known = replace(known, boundary=None)
        if self.name == "boundary alone":
            known = replace(known, policies=(ALL_RIGHTS,))
        return replace(caller, role=known)


class Matrix:
    """All cells, and which a mutant can touch.

    Args:
        access: The access as rendered.
        cells: All cells.
    """

    def __init__(self, access: Access, cells: Sequence[Cell]):
        self.access, self.cells = access, cells
        self.worlds = {name: World(name, access, cells) for names in WORLDS.values() for name in names}
        self._of: dict[Slot, dict[str, list[int]]] = {}

    def turned(self, mutant: Mutant) -> Turned | None:
        """The first cell that it turns; None if there is none."""
        for name in WORLDS[mutant.slot.kind]:
            world = self.worlds[name]
            changed, roles = _with(world.access, mutant), dict[str, Caller]()
            for number in self._touched(mutant):
                # What lets more through closes nothing, and the other way round.
                if world.decided(number) != (mutant.effect == "weaker"):
                    cell = self.cells[number]
                    if world.decide(changed, cell, roles) != world.decided(number):
                        return Turned(name, cell)
        return None

    def _touched(self, mutant: Mutant) -> Iterator[int]:
        if mutant.slot not in self._of:
            by_action: dict[str, list[int]] = {}
            near = sorted(
                (not cell.caller.name.endswith(_CLOSEST), number)
                for number, cell in enumerate(self.cells)
                if _is_about(mutant.slot, cell)
            )
            for _, number in near:
                by_action.setdefault(self.cells[number].name, []).append(number)
            self._of[mutant.slot] = by_action
        for action in sorted(mutant.actions):
            yield from self._of[mutant.slot].get(action, ())


def _is_about(slot: Slot, cell: Cell) -> bool:
    role, arn = cell.caller.role, cell.place.arn
    if slot.kind in ("identity", "boundary", "session"):
        ours = role is not None and role.environment == slot.environment
        ours = ours and (slot.kind == "session") == (cell.caller.age_seconds > 0)
        return ours and (slot.kind == "boundary" or role.arn.endswith(f"/{slot.name}"))  # type: ignore[union-attr]
    if slot.kind == "bucket":
        return arn == f"arn:aws:s3:::{slot.name}" or arn.startswith(f"arn:aws:s3:::{slot.name}/")
    kind = "key" if slot.kind == "key" else "role"
    named = arn.endswith(f"{kind}/{slot.name.removeprefix('alias/')}")
    return (
        cell.place.kind == kind and named and cell.place.name.endswith(slot.environment)
        if kind == "key"
        else (named and cell.place.service == "sts" and cell.place.name.startswith(f"role {slot.environment}/"))
    )


def _with(access: Access, mutant: Mutant) -> Access:
    """The access with a mutant in place of the policy that it is of."""
    slot = mutant.slot
    if slot.kind == "session":
        return replace(access, roles=tuple(_longer(role, slot) for role in access.roles))
    policy = read_policy(mutant.document, str(slot), slot.reads_as)
    if slot.kind == "bucket":
        return replace(access, buckets={**access.buckets, slot.name: replace(access.buckets[slot.name], policy=policy)})
    if slot.kind == "key":
        (key,) = [one for one in access.keys.values() if (one.environment, one.name) == (slot.environment, slot.name)]
        return replace(access, keys={**access.keys, key.arn: replace(key, policy=policy)})
    return replace(access, roles=tuple(_mutated(role, slot, policy) for role in access.roles))


def _longer(role: Role, slot: Slot) -> Role:
    ours = role.environment == slot.environment and role.arn.endswith(f"/{slot.name}")
    return replace(role, max_session_seconds=LONGEST_SECONDS) if ours else role


def _mutated(role: Role, slot: Slot, policy: Policy) -> Role:
    if role.environment != slot.environment:
        return role
    if slot.kind == "boundary":
        return replace(role, boundary=policy)
    if not role.arn.endswith(f"/{slot.name}"):
        return role
    if slot.kind == "trust":
        return replace(role, trust=policy)
    label = f"{slot.name}/{slot.label}"
    return replace(role, policies=tuple(policy if one.name == label else one for one in role.policies))


def _boundary(access: Access, environment: str) -> Policy | None:
    return next(role.boundary for role in access.roles if role.environment == environment)


def _open(access: Access) -> Access:
    """The access where buckets and keys let everybody of both accounts in."""
    accounts = sorted({role.arn.split(":")[4] for role in access.roles})

    def opened(one: Resource, service: str) -> Resource:
        statement = {
            "Sid": "Open",
            "Effect": "Allow",
            "Principal": {"AWS": [f"arn:aws:iam::{account}:root" for account in accounts]},
            "Action": f"{service}:*",
            "Resource": "*",
        }
        return replace(one, policy=read_policy({"Version": "2012-10-17", "Statement": [statement]}, one.name, "resource"))

    return replace(
        access,
        buckets={name: opened(one, "s3") for name, one in access.buckets.items()},
        keys={arn: opened(one, "kms") for arn, one in access.keys.items()},
    )
