"""What changes in rights that nothing here evaluates: sessions, who enters a cluster, what pods ask of their machine, what a
bucket keeps, database, repository and the owners of its code, webserver.

What decides about these is AWS's STS, EKS and S3, Kubernetes, PostgreSQL, GitHub and `policy.guard`. So both versions are
compared as they are written, entry by entry. Where a change only takes away, it is told as lost. Where it gives something, or
where it cannot be told which way it goes, it is told as gained: whoever reviews it has to look. So is a file that is gone as a
whole, by that alone. Not here: what is evaluated (`observe.access`, `observe.cluster`), and how the files are read
(`dataops_assets.policy`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, TypeVar

from dataops_assets.observe.access import UNCLEAR, Difference, Grant, as_a_whole
from dataops_assets.policy.access import Access
from dataops_assets.policy.codeowners import Owners, is_plain, owners_of
from dataops_assets.policy.database import Right
from dataops_assets.policy.namespaces import LEVELS
from dataops_assets.policy.rendered import Cluster, Lock
from dataops_assets.policy.repository import Repository
from dataops_assets.policy.webserver import Table

_Said = TypeVar("_Said")
_WORDS = {"SELECT": "read", "INSERT": "write", "UPDATE": "write", "DELETE": "delete", "TRUNCATE": "delete"}
_SQL = "deploy/postgres"
_RULES = "infra/github/rules.json"
_TABLE = "dataops_assets/policy/webserver.yaml"
_OWNERS = ".github/CODEOWNERS"
_SHOWN = 100
_HOLDS = {
    *("deletion", "non_fast_forward", "required_linear_history", "required_approving_review_count"),
    *("dismiss_stale_reviews_on_push", "require_code_owner_review", "require_last_push_approval"),
    *("required_review_thread_resolution", "strict_required_status_checks_policy", "checks", "sha_pinning_required"),
    "restricted_file_paths",
}
"""Values by which less is allowed the more they are. Source: GitHub, "Available rules for rulesets", and of actions "Managing
GitHub Actions settings for a repository"."""
_OPENS = {"can_approve_pull_request_reviews", "github_owned_allowed", "verified_allowed", "patterns_allowed", "passed_by"}
"""Values by which more is allowed the more they are. Source: the same."""


@dataclass(frozen=True)
class Beside:
    """What one version says.

    Attributes:
        access: The rendered access, for sessions of its roles, for its clusters and for what its buckets keep.
        namespaces: Of the cluster, each with what its pods may ask of their machine, one of `LEVELS`.
        database: The statements that make the roles of the database.
        repository: What holds for the repository; None if that is not rendered.
        owners: Who must agree to a change of what.
        webserver: Who may ask the webserver for what; None if that is not said.
    """

    access: Access
    namespaces: Mapping[str, str]
    database: tuple[Right | str, ...]
    repository: Repository | None
    owners: Owners
    webserver: Table | None


def difference(before: Beside, after: Beside) -> Difference:
    """Who may do more and who less, or may do so for all that can be told."""
    found = [
        *_sessions(before.access, after.access),
        *_entered(before.access, after.access),
        *_reached(before.access, after.access),
        *_asked_of_machines(before.namespaces, after.namespaces),
        *_kept(before.access, after.access),
        *_if_on_both(_SQL, _database, before.database, after.database),
        *_if_on_both(_RULES, _repository, before.repository, after.repository),
        *_owned(before.owners, after.owners),
        *_if_on_both(_TABLE, _webserver, before.webserver, after.webserver),
    ]
    return Difference(
        gained=tuple(sorted(grant for widens, grant in found if widens)),
        lost=tuple(sorted(grant for widens, grant in found if not widens)),
    )


_Found = Iterator[tuple[bool, Grant]]
"""Each with whether it counts as gained."""


def _if_on_both(what: str, compare: Callable[[_Said, _Said], _Found], before: _Said | None, after: _Said | None) -> _Found:
    if whole := as_a_whole(what, before, after):
        yield True, whole
    elif before and after:
        yield from compare(before, after)


def _sessions(before: Access, after: Access) -> _Found:
    """Roles whose sessions last longer or shorter; of a role that is new, all else is told already."""
    lasted = {role.full_name: role.max_session_seconds for role in before.roles}
    for role in after.roles:
        was, now = lasted.get(role.full_name, role.max_session_seconds), role.max_session_seconds
        if was != now:
            name = role.full_name
            yield now > was, Grant(name, f"role {name}", "stay", f"for {now:,} seconds at most, {was:,} before")


def _entered(before: Access, after: Access) -> _Found:
    was, now = (
        {grant for name, cluster in access.clusters.items() for grant in _into(access, name, cluster)}
        for access in (before, after)
    )
    yield from ((True, grant) for grant in now - was)
    yield from ((False, grant) for grant in was - now)


def _into(access: Access, name: str, cluster: Cluster) -> Iterator[Grant]:
    """Whom a cluster lets in as whom, and what it lets out as a role."""
    roles, place = {role.arn: role.full_name for role in access.roles}, f"cluster {name}"
    for arn, entry in cluster.entries.items():
        ways = [f"group {group}" for group in ("system:authenticated", *entry.groups)]
        ways += [
            f"{policy} in {'all of it' if namespace == '*' else f'namespace {namespace}'}"
            for policy, namespaces in entry.policies.items()
            for namespace in namespaces
        ]
        ways += [f"user {entry.user}"] if entry.user else []
        ways += [f"machine of type {entry.type}"] if entry.type != "STANDARD" else []
        yield from (Grant(roles.get(arn, arn), place, "let in", f"as {way}") for way in ways)
    for account, arn in cluster.pods.items():
        yield Grant(f"service account {account}", f"role {roles.get(arn, arn)}", "let in", f"from {place}")
    if cluster.authentication_mode != "API":
        yield Grant("whom its ConfigMap aws-auth names", place, "let in", f"by {cluster.authentication_mode}")
    if cluster.creator_is_admin:
        yield Grant("who makes it", place, "let in", "as administrator")


def _reached(before: Access, after: Access) -> _Found:
    """Addresses from which a cluster is reached, or is no more; those within a range that reached it gain nothing."""
    for name in before.clusters.keys() | after.clusters.keys():
        was, now = (set(access.clusters[name].reached_from if name in access.clusters else ()) for access in (before, after))
        for widens, some, others in ((True, now - was, was), (False, was - now, now)):
            for range_ in some:
                if not _within(range_, others):
                    yield widens, Grant(f"whoever comes from {range_}", f"cluster {name}", "reach", "its API")


def _within(range_: str, others: Iterable[str]) -> bool:
    inner = ip_network(range_)
    return any(
        inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
        for outer in map(ip_network, others)
    )


def _asked_of_machines(before: Mapping[str, str], after: Mapping[str, str]) -> _Found:
    """Namespaces whose pods may ask more of their machine, or less; one that is not told of holds nobody."""
    for name in before.keys() | after.keys():
        was, now = (said.get(name, LEVELS[0]) for said in (before, after))
        if was != now:
            said = f"as {now}, {was} before"
            yield LEVELS.index(now) < LEVELS.index(was), Grant("pods", f"namespace {name}", "ask of their machine", said)


def _kept(before: Access, after: Access) -> _Found:
    """What of a bucket is locked for less or more days, and what ends there sooner or later; of buckets that were there."""
    for name in before.buckets.keys() & after.buckets.keys():
        was, now = before.buckets[name], after.buckets[name]
        place = f"bucket {now.environment}/{now.kind}"
        if was.lock != now.lock:
            said = f"{_locked(now.lock)}, {_locked(was.lock)} before"
            yield not _keeps_more(was.lock, now.lock), Grant("who may remove there", place, "remove", said)
        ended, ends = (
            {(where, what): days for where, all_ in one.ends.items() for what, days in all_.items()} for one in (was, now)
        )
        for where, what in ended.keys() | ends.keys():
            old, new = ended.get((where, what)), ends.get((where, what))
            if old != new:
                said = f"{what} below {where}: {_after(new)}, {_after(old)} before"
                yield new is not None and (old is None or new < old), Grant("a rule of S3", place, "end", said)


def _keeps_more(was: Lock | None, now: Lock | None) -> bool:
    """Whether a lock that has changed surely keeps what the one before kept, and for longer."""
    return now is not None and (was is None or (was.mode == now.mode and was.days < now.days))


def _locked(lock: Lock | None) -> str:
    return f"locked for {_days(lock.days)} ({lock.mode})" if lock else "not locked"


def _after(days: int | None) -> str:
    return "never" if days is None else f"after {_days(days)}"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count:,} days"


def _database(before: tuple[Right | str, ...], after: tuple[Right | str, ...]) -> _Found:
    """A right that is granted, or not revoked any more; the same the other way round; and any other text that differs."""
    was, now = Counter(before), Counter(after)
    for item in now - was:
        if isinstance(item, Right):
            yield item.verb == "GRANT", _right(item, item.verb)
        else:
            yield True, Grant(_SQL, _short(item), UNCLEAR, "is new")
    for item in was - now:
        if isinstance(item, Right):
            yield item.verb == "REVOKE", _right(item, f"no {item.verb}")
        else:
            yield True, Grant(_SQL, _short(item), UNCLEAR, "is gone")
    if [item for item in before if item in now] != [item for item in after if item in was]:
        yield True, Grant(_SQL, "what stands there as before", UNCLEAR, "in another order")


def _right(one: Right, said: str) -> Grant:
    place = one.on or f"role {one.right}"
    return Grant(f"database role {one.role}", place, _WORDS.get(one.right, "use"), f"{said} {one.right}")


def _repository(before: Repository, after: Repository) -> _Found:
    was, now = before.each(), after.each()
    for path in was.keys() | now.keys():
        old, new = was.get(path), now.get(path)
        if (path in was, old) != (path in now, new):
            if isinstance(old, list) and isinstance(new, list):
                said = _values(old, new)
            else:
                said = [f"{_said(new, path in now)}, {_said(old, path in was)} before"]
            closes = _more(path, old, new)
            yield from ((not closes, Grant("repository", path, UNCLEAR, one)) for one in said)
    for block in before.written.keys() | after.written.keys():
        lines = before.written.get(block, ()), after.written.get(block, ())
        if lines[0] != lines[1]:
            yield from ((True, Grant("repository", block, UNCLEAR, _short(line))) for line in _values(*lines))


def _owned(before: Owners, after: Owners) -> _Found:
    """Whose agreement is asked for which files.

    Of those that had owners, whatever changes counts as gained: any one of several suffices, so one more makes it easier; and
    one without write access is passed over, so that after one less there may be none.
    """
    if not all(is_plain(about) for about, _ in (*before, *after)):  # then all that differs may be about any file
        if before != after:
            gone, new = Counter(before) - Counter(after), Counter(after) - Counter(before)
            lines = [("is gone", one) for one in gone] + [("is new", one) for one in new]
            for how, (about, owners) in lines or [("in another order", ("*", ()))]:
                yield True, Grant(_OWNERS, _short(" ".join((about, *owners))), UNCLEAR, how)
        return
    for path in {about for about, _ in (*before, *after)}:
        was, now = sorted(owners_of(path, before)), sorted(owners_of(path, after))
        if was != now:
            said = f"owned by {' and '.join(now) or 'nobody'}, {' and '.join(was) or 'nobody'} before"
            yield bool(was), Grant("whoever changes it", path, UNCLEAR, said)


def _webserver(before: Table, after: Table) -> _Found:
    was, now = (_asked(table) for table in (before, after))
    yield from ((True, grant) for grant in now - was)
    yield from ((False, grant) for grant in was - now)


def _asked(table: Table) -> set[Grant]:
    """What each role may ask for, and what a launch may say."""
    found = set()
    for word, rows in (("use", table.paths), ("ask", table.mutations)):
        found |= {Grant(role, "webserver", word, name) for name, row in rows.items() for role in table.roles if row.lets(role)}
    for kind, values in table.launching:
        found |= {Grant("operators", "webserver", "launch", f"{kind}: {one}") for one in values}
    return found


def _more(path: str, old: Any, new: Any) -> bool:
    """Whether a value that has changed surely allows less than before."""
    name = path.rpartition(".")[2]
    less, more = (old, new) if name in _HOLDS else (new, old)
    if name not in _HOLDS | _OPENS or type(less) is not type(more):
        return False
    return set(less) < set(more) if isinstance(less, list) else bool(less < more)


def _said(value: Any, there: bool) -> str:
    return str(value) if there else "not said"


def _values(old: Iterable[Any], new: Iterable[Any]) -> list[str]:
    """What a list has more and less, each value by itself: it may hold commas."""
    listed, now = list(old), list(new)
    differs = [f"+ {one}" for one in now if one not in listed] + [f"- {one}" for one in listed if one not in now]
    return differs or ["other order"]


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
