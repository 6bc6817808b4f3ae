"""What somebody may do in the cluster by its manifests, and what changes for anybody between two versions of them.

Each answer is a decision of the evaluator of RBAC about one request. Asked is about everybody whom a binding of either version
names, and about everything that a rule of either names; a `*` stands for what no other rule names. Not here: how rules are read
and matched (`policy.rbac`), and whom EKS lets into the cluster by entries of its own (`beside`).
"""

from collections.abc import Iterator
from itertools import product

from dataops_assets.observe.access import Difference, Grant, as_a_whole
from dataops_assets.policy.rbac import Request, Rights, Subject

_WORDS = {
    **dict.fromkeys(("get", "list", "watch"), "read"),
    **dict.fromkeys(("create", "update", "patch"), "write"),
    **dict.fromkeys(("delete", "deletecollection"), "delete"),
    **dict.fromkeys(("impersonate", "bind", "escalate"), "let others in"),
}


def called(rights: Rights, name: str) -> dict[str, Subject]:
    """Whom a name means, by what people call him: `group viewers` or `viewers`; a service account as `prod/daemon`, too."""
    return {known: who for known, who in rights.subjects() if name in names(known)}


def names(known: str) -> set[str]:
    """By what names somebody is found, from what people call him."""
    alone = known.removeprefix("group ").removeprefix("service account ")
    return {known, alone, *({alone.partition("/")[2]} if known.startswith("service account ") else ())}


def allowed(rights: Rights, name: str, who: Subject) -> Iterator[tuple[Grant, str]]:
    """What somebody may do in the cluster, each with the binding that says so."""
    own = rights.of(who)
    for asked in dict.fromkeys(own.requests()):
        if by := own.why(who, asked):
            yield _grant(name, asked), by


def difference(before: Rights, after: Rights) -> Difference:
    """Who may do more in the cluster, and who less; where all manifests are gone, or new, that alone."""
    if whole := as_a_whole("deploy/rbac", before.grants or before.accounts, after.grants or after.accounts):
        return Difference(gained=(whole,), lost=())
    was, now = (_grants(rights, before, after) for rights in (before, after))
    return Difference(gained=tuple(sorted(now - was)), lost=tuple(sorted(was - now)))


def _grants(rights: Rights, *of: Rights) -> set[Grant]:
    """What manifests allow, of all that some name."""
    everybody = {name: who for one in of for name, who in one.subjects()}
    everything = {asked for one in of for asked in one.requests()}
    namespaces = {asked.namespace for asked in everything} | {""}
    requests = {
        Request(asked.verb, asked.group, asked.resource, namespace, asked.name)
        for asked, namespace in product(everything, namespaces)
    }
    return {_grant(name, asked) for (name, who), asked in product(everybody.items(), requests) if rights.why(who, asked)}


def _grant(name: str, asked: Request) -> Grant:
    return Grant(name, _place(asked), _WORDS[asked.verb], asked.verb)


def _place(asked: Request) -> str:
    kind = ".".join(filter(None, (asked.resource, asked.group)))
    where = f"namespace {asked.namespace}" if asked.namespace else "all of the cluster"
    return " ".join(filter(None, (kind, asked.name, "in", where)))
