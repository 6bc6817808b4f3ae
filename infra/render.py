"""Writes what a plan of each environment comes to, as far as it says who may do what: `infra/access/<environment>.json`.
And what holds for the repository, as `infra/github` says it: `infra/github/rules.json`.

    python infra/render.py            writes them, with the values of each environment
    python infra/render.py --check    writes nothing, and fails if a committed file differs

Where the AWS provider cannot be fetched, Terraform takes it from a folder: `TF_CLI_ARGS_init=-plugin-dir=/its/folder`.

Here: reading who may do what in a plan. A policy that is attached but not planned is an error. Not here: planning (`planning`),
what a plan may hold and what is refused (`kinds`), and what the policies mean (`dataops_assets.policy`).
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from infra.kinds import OF_CLUSTERS, refuse
from infra.planning import Plan, Resource, expressions, known, module_of, only_declared, plan, resources, terraform
from infra.written import NotRendered, code, left_by_terraform

INFRA = Path(__file__).parent
ENVIRONMENTS = ("dev", "prod")
_READ_OF_GITHUB = {"README.md", "backend.hcl", "rules.json", "terraform.tfvars"}
_NO_RIGHT = {"labels"}
"""Values of rules.tf that nobody may do more by."""
_BLOCK = re.compile(r'^(\w+(?: "[\w-]+")*) \{\n(.*?)^\}$', re.MULTILINE | re.DOTALL)
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
"""As it stands in a line; with ${ in it, it may hold others."""


def access(planned: Sequence[Plan]) -> dict[str, Any]:
    """The access file of an environment.

    Args:
        planned: The plans of its roots, as `terraform show -json` says them; that of the environment comes first.

    Raises:
        NotRendered: A policy is not known before something is made, or is attached and not planned; something gives access that
            is not read here.
    """
    said = {name: one["value"] for name, one in planned[0]["variables"].items()}
    account, region = said["accounts"][said["environment"]], said["region"]
    found = [one for each in planned for one in resources(each)]
    of = {kind: [one for one in found if one["type"] == kind] for kind in {one["type"] for one in found}}
    buckets = [known(one, "bucket") for one in of.get("aws_s3_bucket", ())]
    topics = {f"arn:aws:sns:{region}:{account}:{known(one, 'name')}": one for one in of.get("aws_sns_topic", ())}
    groups = [known(one, "name") for one in of.get("aws_cloudwatch_log_group", ())]
    logs = [f"arn:aws:logs:{region}:{account}:log-group:{name}:*" for name in groups]
    refuse(planned, found, [*buckets, *topics, *logs])
    attachable = {
        f"arn:aws:iam::{account}:policy{one['values'].get('path') or '/'}{one['values']['name']}": one
        for one in of.get("aws_iam_policy", ())
    }

    clusters = {one["values"]["name"]: _cluster(of, one["values"]) for one in of.get("aws_eks_cluster", ())}
    for one in [each for kind in OF_CLUSTERS for each in of.get(kind, ())]:
        if known(one, "cluster_name") not in clusters:
            raise NotRendered(f"{one['address']} is of the cluster {one['values']['cluster_name']}, which is not planned here")

    roles: dict[str, dict[str, Any]] = {}
    for one in of.get("aws_iam_role", ()):
        values = one["values"]
        boundary = known(one, "permissions_boundary", default=None)
        roles[values["name"]] = {
            "arn": f"arn:aws:iam::{account}:role{values.get('path') or '/'}{values['name']}",
            "trust": _policy(one, "assume_role_policy"),
            "policies": {},
            "boundary": _policy(_attached(attachable, boundary, one)) if boundary else None,
            "max_session_seconds": values["max_session_duration"],
        }
    for one in of.get("aws_iam_role_policy", ()):
        _role_of(roles, one)["policies"][one["values"]["name"]] = _policy(one)
    for one in of.get("aws_iam_role_policy_attachment", ()):
        policy = _attached(attachable, known(one, "policy_arn"), one)
        _role_of(roles, one)["policies"][policy["values"]["name"]] = _policy(policy)

    policies = {known(one, "bucket"): _policy(one) for one in of.get("aws_s3_bucket_policy", ())}
    locks = {known(one, "bucket"): _lock(one) for one in of.get("aws_s3_bucket_object_lock_configuration", ())}
    ends = {known(one, "bucket"): _ends(one) for one in of.get("aws_s3_bucket_lifecycle_configuration", ())}
    aliases = _aliases(of)
    keys = {aliases.get(one["address"], one["address"]): _policy(one) for one in of.get("aws_kms_key", ())}
    return {
        "environment": said["environment"],
        "account": account,
        "prefix": said["prefix"],
        "roles": roles,
        "buckets": {
            name: {"policy": policies.get(name), "lock": locks.get(name), "ends": ends.get(name, {})} for name in buckets
        },
        "keys": {
            alias: {"arn": f"arn:aws:kms:{region}:{account}:key/{alias.removeprefix('alias/')}", "policy": policy}
            for alias, policy in keys.items()
        },
        "topics": _topics(topics, of),
        "clusters": clusters,
    }


def repository(infra: Path = INFRA) -> dict[str, Any]:
    """What holds for the repository at GitHub: the values of rules.tf, and all else line by line, as nothing here evaluates it.

    Its provider is not needed: the values are plain ones, and Terraform evaluates them alone.

    Args:
        infra: The folder that holds `github/`.

    Raises:
        NotRendered: Terraform refuses, or a file has another form.
    """
    root = infra / "github"
    for path in root.iterdir():
        if path.name not in _READ_OF_GITHUB | left_by_terraform("", [path.name]):
            code(path, path.name)
    for name, alone in (("rules.tf", "locals"), ("variables.tf", "variable")):
        if others := {head for head, _ in _blocks(root / name) if head.split()[0] != alone}:
            raise NotRendered(f"{name}: it has blocks `{alone}` alone, write {min(others)} in another file")
    rules = (root / "rules.tf").read_text(encoding="utf-8")
    names = sorted(set(re.findall(r"^  (\w+) += ", rules, re.MULTILINE)) - _NO_RIGHT)
    written: dict[str, list[str]] = {}
    for path in sorted(set(root.glob("*.tf")) - {root / "rules.tf", root / "variables.tf"}):
        for head, block in _blocks(path):
            written.setdefault(head, []).extend(block)
    only_declared(root)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "github"
        folder.mkdir()
        for name in ("rules.tf", "variables.tf", "terraform.tfvars"):
            shutil.copy(root / name, folder)
        told = "".join(f'output "{name}" {{\n  value = local.{name}\n}}\n' for name in names)
        (folder / "told.tf").write_text(told, encoding="utf-8")
        terraform(folder, "init", "-input=false", "-no-color")
        terraform(folder, "plan", "-input=false", "-no-color", "-out=plan")
        values = json.loads(terraform(folder, "show", "-json", "plan"))["planned_values"]["outputs"]
    return {"values": {name: values[name]["value"] for name in names}, "written": written}


def _blocks(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The blocks of a file, each with its lines but for comments."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    said = "\n".join(lines)
    # Where /* is open, a line that begins with # may end it, and say more. Within a text it opens nothing.
    if any("/*" in (line if "{" in line else _TEXT.sub("", line)) for line in lines):
        raise NotRendered(f"{path.name}: a comment is written with #, on lines of its own")
    if left := _BLOCK.sub("", said).strip():
        raise NotRendered(f"{path.name}: it is not known what this says, write it in a block: {left.splitlines()[0]}")
    for head, body in _BLOCK.findall(said):
        yield head.replace('"', ""), [" ".join(line.split()) for line in body.splitlines() if line.strip()]


def text(found: dict[str, Any]) -> str:
    """An access file as it is committed."""
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


def _policy(resource: dict[str, Any], attribute: str = "policy") -> Any:
    return json.loads(known(resource, attribute))


def _attached(attachable: dict[str, dict[str, Any]], arn: str, by: dict[str, Any]) -> dict[str, Any]:
    if arn not in attachable:
        raise NotRendered(f"{by['address']} names {arn}, which is not planned here: what it says is not known")
    return attachable[arn]


def _role_of(roles: dict[str, dict[str, Any]], policy: dict[str, Any]) -> dict[str, Any]:
    name = known(policy, "role")
    if name not in roles:
        raise NotRendered(f"{policy['address']} is of the role {name}, which is not planned here")
    return roles[name]


def _cluster(of: dict[str, list[Resource]], values: dict[str, Any]) -> dict[str, Any]:
    """Whom a cluster lets in, and which pods it lets out as roles."""
    here = {kind: [one for one in of.get(kind, ()) if known(one, "cluster_name") == values["name"]] for kind in OF_CLUSTERS}
    entries: dict[str, dict[str, Any]] = {}
    for one in here["aws_eks_access_entry"]:
        said = expressions(one)
        entries[known(one, "principal_arn")] = {
            "groups": sorted(known(one, "kubernetes_groups") if "kubernetes_groups" in said else []),
            "policies": {},
            "type": known(one, "type"),
            "user": known(one, "user_name") if "user_name" in said else None,
        }
    for one in here["aws_eks_access_policy_association"]:
        if known(one, "principal_arn") not in entries:
            raise NotRendered(f"{one['address']} is of {one['values']['principal_arn']}, whose entry is not planned here")
        (scope,) = known(one, "access_scope")
        namespaces = sorted(scope["namespaces"]) if scope["type"] == "namespace" else ["*"]
        entries[one["values"]["principal_arn"]]["policies"][known(one, "policy_arn").rpartition("/")[2]] = namespaces
    (config,) = values.get("access_config") or [{}]
    return {
        "authentication_mode": config.get("authentication_mode") or "CONFIG_MAP",
        "creator_is_admin": config.get("bootstrap_cluster_creator_admin_permissions") is not False,
        "reached_from": _reached_from(values),
        "entries": entries,
        "pods": {
            f"{known(one, 'namespace')}/{known(one, 'service_account')}": known(one, "role_arn")
            for one in here["aws_eks_pod_identity_association"]
        },
    }


def _topics(topics: dict[str, Resource], of: dict[str, list[Resource]]) -> dict[str, dict[str, Any]]:
    """Each topic with its policy: one without a policy would let in all of its account."""
    policies = {known(one, "arn"): _policy(one) for one in of.get("aws_sns_topic_policy", ())}
    for arn in topics.keys() ^ policies.keys():
        said = f"{topics[arn]['address']} has no policy: write" if arn in topics else f"{arn} is not planned here: leave out"
        raise NotRendered(f"{said} its aws_sns_topic_policy")
    return {topic["values"]["name"]: {"arn": arn, "policy": policies[arn]} for arn, topic in topics.items()}


def _reached_from(cluster: dict[str, Any]) -> list[str]:
    """From where a cluster's API is reached beside its network: where nothing is said, from everywhere."""
    (network,) = cluster.get("vpc_config") or [{}]
    if network.get("endpoint_public_access") is False:
        return []
    return sorted(network.get("public_access_cidrs") or ["0.0.0.0/0"])


def _lock(resource: dict[str, Any]) -> dict[str, Any]:
    """How long a bucket locks each version by itself."""
    try:
        ((retention,),) = [rule["default_retention"] for rule in known(resource, "rule")]
    except ValueError:
        raise NotRendered(f"{resource['address']}: it has one rule, with one default_retention") from None
    if not retention.get("days"):
        raise NotRendered(f"{resource['address']}: say how long in `days`")
    return {"mode": retention["mode"], "days": retention["days"]}


def _ends(resource: dict[str, Any]) -> dict[str, dict[str, int]]:
    """What ends in a bucket by itself, and after how many days; of two rules S3 follows the one that ends a thing sooner."""
    found: dict[str, dict[str, int]] = {}
    for rule in (one for one in known(resource, "rule") if one["status"] == "Enabled"):
        said = (rule.get("filter") or [{}])[0]
        both = (said.get("and") or [said])[0]
        if others := {name for name, value in both.items() if value} - {"prefix", "tags"}:
            raise NotRendered(
                f"{resource['address']}: what a rule is about by `{min(others)}` is not read: use prefix and tags"
            )
        tags = "+".join(f"{tag}={value}" for tag, value in sorted((both.get("tags") or {}).items()))
        where = (both.get("prefix") or "everything") + (f" of {tags}" if tags else "")
        ended = {
            "objects": [one.get("days") for one in rule.get("expiration") or ()],
            "old versions": [one["noncurrent_days"] for one in rule.get("noncurrent_version_expiration") or ()],
        }
        for what, terms in ended.items():
            for days in filter(None, terms):
                below = found.setdefault(where, {})
                below[what] = min(days, below.get(what, days))
    return found


def _aliases(of: dict[str, list[Resource]]) -> dict[str, str]:
    """The alias of each key, by the key's address: which key an alias is of stands in the configuration alone."""
    keys = {one["address"] for one in of.get("aws_kms_key", ())}
    named: dict[str, Resource] = {}
    for one in of.get("aws_kms_alias", ()):
        module = module_of(one)
        index = one["address"].removeprefix(f"{module}{one['type']}.{one['name']}")
        written = expressions(one)["target_key_id"].get("references", ())
        of_keys = keys & {f"{module}{key}{at}" for key in written for at in ("", index)}
        if len(of_keys) != 1:
            raise NotRendered(
                f"{one['address']}: of which key it is, is not known: name one of its module, as aws_kms_key.data.id"
            )
        (key,) = of_keys
        if other := named.get(key):
            raise NotRendered(f"{one['address']} and {other['address']} are both of {key}: a key has one alias, leave one out")
        named[key] = one
    return {key: known(one, "name") for key, one in named.items()}


def main() -> None:
    """Write or compare the files.

    Raises:
        SystemExit: With what is wrong.
    """
    parser = argparse.ArgumentParser(description="Write who may do what, as a plan of each environment says it.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a committed file differs")
    check = parser.parse_args().check
    stale = []
    for name, made in _files():
        file = INFRA / name
        try:
            written = text(made())
        except NotRendered as error:
            raise SystemExit(str(error)) from None
        if not check:
            file.parent.mkdir(exist_ok=True)
            file.write_text(written, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != written:
            stale.append(name)
    if stale:
        raise SystemExit(f"infra: {', '.join(stale)} differs from what is planned: `make access`, and commit it")
    sys.stdout.write(f"infra: {', '.join(name for name, _ in _files())} {'as planned' if check else 'written'}\n")


def _files() -> list[tuple[str, Callable[[], dict[str, Any]]]]:
    of_environments = [(f"access/{name}.json", lambda name=name: access(plan(name, INFRA))) for name in ENVIRONMENTS]
    return [*of_environments, ("github/rules.json", repository)]


if __name__ == "__main__":
    main()
