"""What tells of a breach, runs pods and holds images and passwords is changed by those alone whom the table names.

Asked is more than whether a request is allowed: whether a role's own policies name an action at all, of whatever resource, and
whether the boundary does. So each of the two holds without the other.
"""

from collections.abc import Iterable

import pytest

from dataops_assets.policy.access import Role, session
from dataops_assets.policy.condition import holds
from dataops_assets.policy.keys import read_context
from dataops_assets.policy.language import Policy
from dataops_assets_tests.policy.matrix import expected
from dataops_assets_tests.policy.matrix.actions import universe
from dataops_assets_tests.policy.matrix.rendered import access

SERVICES = ("cloudtrail", "cloudwatch", "ecr", "eks", "events", "logs", "secretsmanager", "sns")
ROLES = {role.full_name: role for role in access().roles}


@pytest.mark.parametrize("name", ROLES)
def test_each_lock_alone_keeps_what_is_beside_data_as_the_table_says(name: str) -> None:
    role, table = ROLES[name], expected.load()
    assert role.boundary
    for lock, policies in (("by their own policies", role.policies), ("by the boundary", (role.boundary,))):
        everything = [action.name for action in universe(*SERVICES)]
        allowed = {action for action in everything if table.changes(name, lock).fullmatch(action)}
        assert (lock, _named(role, policies, everything)) == (lock, allowed)


def _named(role: Role, policies: Iterable[Policy], actions: Iterable[str]) -> set[str]:
    """Those that a statement allows to the role on any resource, as far as its conditions are on whoever asks."""
    context = read_context(session(role).context)
    allowing = [
        each
        for policy in policies
        for each in policy.statements
        if each.effect == "Allow" and all(holds(one, context) for one in each.conditions)
    ]
    return {action for action in actions if any(each.names(action) for each in allowing)}
