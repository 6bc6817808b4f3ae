"""Writes what a plan of each environment comes to, as far as it says who may do what: `infra/access/<environment>.json`.
And what holds for the repository, as `infra/github` says it: `infra/github/rules.json`.

    python infra/render.py            writes them, with the values of each environment
    python infra/render.py --check    writes nothing, and fails if a committed file differs

Where the AWS provider cannot be fetched, Terraform takes it from a folder: `TF_CLI_ARGS_init=-plugin-dir=/its/folder`.

Terraform plans in a copy, without state and without AWS: all policies are made from names, so they are known before anything
is made. What is not known then is an error, and so is a policy that is attached but not planned, and whatever else gives access
to data and is not read here. Here: planning, and reading the plan. Not here: what the policies mean (`dataops_assets.policy`).

Source of the format: Terraform, "JSON Output Format", "Values Representation" and "Configuration Representation".
"""

import argparse
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

INFRA = Path(__file__).parent
ENVIRONMENTS = ("dev", "prod")
_OVERRIDE = """\
terraform {
  backend "local" {}
}
provider "aws" {
  allowed_account_ids         = null
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
}
"""
"""In place of the real backend and credentials: a plan of what is not there yet asks nobody."""
_READ_OF_GITHUB = {"README.md", "backend.hcl", "rules.json", "terraform.tfvars"}
_NO_RIGHT = {"labels"}
"""Values of rules.tf that nobody may do more by."""
_BLOCK = re.compile(r'^(\w+(?: "[\w-]+")*) \{\n(.*?)^\}$', re.MULTILINE | re.DOTALL)
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
"""As it stands in a line; with ${ in it, it may hold others."""
_DECLARED = re.compile(r'^variable "(\w+)"', re.MULTILINE)
_GIVEN = re.compile(r"(\w+)\s*=")
_OF_CLUSTERS = ("aws_eks_access_entry", "aws_eks_access_policy_association", "aws_eks_pod_identity_association")
_READ = frozenset(
    {"aws_iam_policy", "aws_iam_role", "aws_iam_role_policy", "aws_iam_role_policy_attachment"}
    | {"aws_kms_alias", "aws_kms_key", "aws_s3_bucket", "aws_s3_bucket_policy", "aws_sns_topic", "aws_sns_topic_policy"}
    | set(_OF_CLUSTERS)
)
_GIVES_NONE = frozenset(
    {"aws_iam_openid_connect_provider"}  # whom it lets in is said by the roles that trust it
    | {f"aws_s3_bucket_{of}" for of in ("lifecycle_configuration", "logging", "object_lock_configuration", "versioning")}
    | {f"aws_s3_bucket_{of}" for of in ("ownership_controls", "public_access_block", "server_side_encryption_configuration")}
    | {"aws_athena_workgroup", "aws_glue_catalog_database", "aws_glue_catalog_table"}
    | {"aws_cloudtrail", "aws_cloudwatch_event_rule", "aws_cloudwatch_log_group", "aws_cloudwatch_log_metric_filter"}
    | {"aws_cloudwatch_event_target", "aws_cloudwatch_metric_alarm"}
    | {"aws_sns_topic_subscription"}  # who is told of alarms, no data
    | {"aws_ecr_repository", "aws_ecr_lifecycle_policy"}
    | {"aws_eks_addon", "aws_eks_cluster", "aws_eks_node_group", "aws_launch_template"}
    | {"aws_db_instance", "aws_db_parameter_group", "aws_db_subnet_group"}
    | {f"aws_{of}" for of in ("default_security_group", "eip", "internet_gateway", "nat_gateway", "security_group", "vpc")}
    | {f"aws_{of}" for of in ("route", "route_table", "route_table_association", "subnet", "vpc_endpoint")}
    | {"aws_vpc_security_group_ingress_rule"}
)
"""A kind that is in neither is refused: what it lets somebody do would be told by nobody."""
_BY_THE_WAY = {
    "aws_s3_bucket": ("policy", "grant", "acl"),
    "aws_sns_topic": ("policy",),
    "aws_vpc_endpoint": ("policy",),
    "aws_cloudwatch_event_target": ("role_arn",),
    "aws_eks_addon": ("pod_identity_association", "service_account_role_arn"),
    "aws_launch_template": ("iam_instance_profile",),
}
"""Arguments by which a resource gives access itself, though another kind is there for it, and is read or refused."""
Plan = dict[str, Any]


class NotRendered(Exception):
    """A plan that does not say who may do what."""


def plan(environment: str, infra: Path = INFRA) -> list[Plan]:
    """What Terraform would make of an environment, as its JSON says it, and of the bucket of its states: two roots.

    Args:
        environment: Its name, a folder of `environments/`.
        infra: The folder that holds `bootstrap/`, `environments/` and `modules/`.

    Raises:
        NotRendered: Terraform refuses.
    """
    _only_declared(infra / "environments" / environment)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "infra"
        shutil.copytree(infra, copy, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*", ".terraform.lock.hcl"))
        return [_plan(copy, root, environment) for root in (f"environments/{environment}", "bootstrap")]


def _plan(infra: Path, root: str, environment: str) -> Plan:
    folder = infra / root
    values = os.path.relpath(infra / "environments" / environment / "terraform.tfvars", folder)
    (folder / "render_override.tf").write_text(_OVERRIDE, encoding="utf-8")
    _terraform(folder, "init", "-input=false", "-no-color")
    asked = ("-input=false", "-no-color", "-refresh=false", "-lock=false", "-compact-warnings", f"-var-file={values}")
    _terraform(folder, "plan", *asked, "-out=plan")
    shown: Plan = json.loads(_terraform(folder, "show", "-json", "plan"))
    return shown


def _only_declared(root: Path) -> None:
    """Refuse values of no variable: Terraform passes them over, with a warning."""
    known = [name for file in sorted(root.glob("*.tf")) for name in _DECLARED.findall(file.read_text(encoding="utf-8"))]
    for number, line in enumerate((root / "terraform.tfvars").read_text(encoding="utf-8").splitlines(), 1):
        if (given := _GIVEN.match(line)) and given[1] not in known:
            near = difflib.get_close_matches(given[1], known, 1)
            remedy = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known)}"
            raise NotRendered(f"{root.name}/terraform.tfvars:{number}: no variable is called `{given[1]}`: {remedy}")


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
    resources = [one for each in planned for one in _resources(each["planned_values"]["root_module"])]
    of = {kind: [one for one in resources if one["type"] == kind] for kind in {one["type"] for one in resources}}
    for one in resources:
        if one["type"] not in _READ | _GIVES_NONE:
            raise NotRendered(
                f"{one['address']}: who gets access by a resource of this kind is not read: "
                "where it lets nobody do anything, list it in infra/render.py"
            )
        if held := [name for name in _BY_THE_WAY.get(one["type"], ()) if one["values"].get(name)]:
            raise NotRendered(
                f"{one['address']}: `{held[0]}` within it is not read: write a resource of its own, as aws_s3_bucket_policy"
            )
    attachable = {
        f"arn:aws:iam::{account}:policy{one['values'].get('path') or '/'}{one['values']['name']}": one
        for one in of.get("aws_iam_policy", ())
    }

    clusters = {one["values"]["name"]: _cluster(planned[0], of, one["values"]) for one in of.get("aws_eks_cluster", ())}
    for one in [each for kind in _OF_CLUSTERS for each in of.get(kind, ())]:
        if _known(one, "cluster_name") not in clusters:
            raise NotRendered(f"{one['address']} is of the cluster {one['values']['cluster_name']}, which is not planned here")

    roles: dict[str, dict[str, Any]] = {}
    for one in of.get("aws_iam_role", ()):
        values = one["values"]
        boundary = _known(one, "permissions_boundary", default=None)
        roles[values["name"]] = {
            "arn": f"arn:aws:iam::{account}:role{values.get('path') or '/'}{values['name']}",
            "trust": _policy(one, "assume_role_policy"),
            "policies": {},
            "boundary": _policy(_attached(attachable, boundary, one)) if boundary else None,
            "max_session_seconds": values["max_session_duration"],
        }
        if values.get("managed_policy_arns") or any(inline.get("policy") for inline in values.get("inline_policy") or ()):
            raise NotRendered(f"{one['address']} holds policies itself: write each as an aws_iam_role_policy")
    for one in of.get("aws_iam_role_policy", ()):
        _role_of(roles, one)["policies"][one["values"]["name"]] = _policy(one)
    for one in of.get("aws_iam_role_policy_attachment", ()):
        policy = _attached(attachable, _known(one, "policy_arn"), one)
        _role_of(roles, one)["policies"][policy["values"]["name"]] = _policy(policy)

    policies = {_known(one, "bucket"): _policy(one) for one in of.get("aws_s3_bucket_policy", ())}
    locks = {_known(one, "bucket"): _lock(one) for one in of.get("aws_s3_bucket_object_lock_configuration", ())}
    ends = {_known(one, "bucket"): _ends(one) for one in of.get("aws_s3_bucket_lifecycle_configuration", ())}
    aliases = _aliases(planned[0], of)
    keys = {aliases.get(one["address"], one["address"]): _policy(one) for one in of.get("aws_kms_key", ())}
    return {
        "environment": said["environment"],
        "account": account,
        "prefix": said["prefix"],
        "roles": roles,
        "buckets": {
            name: {"policy": policies.get(name), "lock": locks.get(name), "ends": ends.get(name, {})}
            for name in (_known(one, "bucket") for one in of.get("aws_s3_bucket", ()))
        },
        "keys": {
            alias: {"arn": f"arn:aws:kms:{region}:{account}:key/{alias.removeprefix('alias/')}", "policy": policy}
            for alias, policy in keys.items()
        },
        "topics": _topics(of, f"arn:aws:sns:{region}:{account}"),
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
        if path.name not in _READ_OF_GITHUB and path.suffix != ".tf" and not path.name.startswith(".terraform"):
            raise NotRendered(f"{path.name}: it is not known what this tells Terraform: say it in a file of *.tf here")
    rules = (root / "rules.tf").read_text(encoding="utf-8")
    if others := {head for head, _ in _blocks(root / "rules.tf")} - {"locals"}:
        raise NotRendered(f"rules.tf: it has locals alone, write {min(others)} in another file")
    names = sorted(set(re.findall(r"^  (\w+) += ", rules, re.MULTILINE)) - _NO_RIGHT)
    written: dict[str, list[str]] = {}
    for path in sorted(set(root.glob("*.tf")) - {root / "rules.tf", root / "variables.tf"}):
        for head, block in _blocks(path):
            written.setdefault(head, []).extend(block)
    _only_declared(root)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "github"
        folder.mkdir()
        for name in ("rules.tf", "variables.tf", "terraform.tfvars"):
            shutil.copy(root / name, folder)
        told = "".join(f'output "{name}" {{\n  value = local.{name}\n}}\n' for name in names)
        (folder / "told.tf").write_text(told, encoding="utf-8")
        _terraform(folder, "init", "-input=false", "-no-color")
        _terraform(folder, "plan", "-input=false", "-no-color", "-out=plan")
        values = json.loads(_terraform(folder, "show", "-json", "plan"))["planned_values"]["outputs"]
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


def _resources(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (one for one in module.get("resources", ()) if one["mode"] == "managed")
    for inner in module.get("child_modules", ()):
        yield from _resources(inner)


def _known(resource: dict[str, Any], attribute: str, **default: Any) -> Any:
    if resource["values"].get(attribute) is None and not default:
        raise NotRendered(
            f"{resource['address']}: `{attribute}` is not known before it is made: make it from names, not from .arn"
        )
    return resource["values"].get(attribute)


def _policy(resource: dict[str, Any], attribute: str = "policy") -> Any:
    return json.loads(_known(resource, attribute))


def _attached(attachable: dict[str, dict[str, Any]], arn: str, by: dict[str, Any]) -> dict[str, Any]:
    if arn not in attachable:
        raise NotRendered(f"{by['address']} names {arn}, which is not planned here: what it says is not known")
    return attachable[arn]


def _role_of(roles: dict[str, dict[str, Any]], policy: dict[str, Any]) -> dict[str, Any]:
    name = _known(policy, "role")
    if name not in roles:
        raise NotRendered(f"{policy['address']} is of the role {name}, which is not planned here")
    return roles[name]


def _cluster(planned: Plan, of: dict[str, list[dict[str, Any]]], values: dict[str, Any]) -> dict[str, Any]:
    """Whom a cluster lets in, and which pods it lets out as roles."""
    here = {kind: [one for one in of.get(kind, ()) if _known(one, "cluster_name") == values["name"]] for kind in _OF_CLUSTERS}
    entries: dict[str, dict[str, Any]] = {}
    for one in here["aws_eks_access_entry"]:
        said = _expressions(planned, one)
        entries[_known(one, "principal_arn")] = {
            "groups": sorted(_known(one, "kubernetes_groups") if "kubernetes_groups" in said else []),
            "policies": {},
            "type": _known(one, "type"),
            "user": _known(one, "user_name") if "user_name" in said else None,
        }
    for one in here["aws_eks_access_policy_association"]:
        if _known(one, "principal_arn") not in entries:
            raise NotRendered(f"{one['address']} is of {one['values']['principal_arn']}, whose entry is not planned here")
        (scope,) = _known(one, "access_scope")
        namespaces = sorted(scope["namespaces"]) if scope["type"] == "namespace" else ["*"]
        entries[one["values"]["principal_arn"]]["policies"][_known(one, "policy_arn").rpartition("/")[2]] = namespaces
    (config,) = values.get("access_config") or [{}]
    return {
        "authentication_mode": config.get("authentication_mode") or "CONFIG_MAP",
        "creator_is_admin": config.get("bootstrap_cluster_creator_admin_permissions") is not False,
        "reached_from": _reached_from(values),
        "entries": entries,
        "pods": {
            f"{_known(one, 'namespace')}/{_known(one, 'service_account')}": _known(one, "role_arn")
            for one in here["aws_eks_pod_identity_association"]
        },
    }


def _topics(of: dict[str, list[dict[str, Any]]], below: str) -> dict[str, dict[str, Any]]:
    """Each topic with its policy: one without a policy would let in all of its account."""
    policies = {_known(one, "arn"): _policy(one) for one in of.get("aws_sns_topic_policy", ())}
    topics = {f"{below}:{_known(one, 'name')}": one for one in of.get("aws_sns_topic", ())}
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
        ((retention,),) = [rule["default_retention"] for rule in _known(resource, "rule")]
    except ValueError:
        raise NotRendered(f"{resource['address']}: it has one rule, with one default_retention") from None
    if not retention.get("days"):
        raise NotRendered(f"{resource['address']}: say how long in `days`")
    return {"mode": retention["mode"], "days": retention["days"]}


def _ends(resource: dict[str, Any]) -> dict[str, dict[str, int]]:
    """What ends in a bucket by itself, and after how many days; of two rules S3 follows the one that ends a thing sooner."""
    found: dict[str, dict[str, int]] = {}
    for rule in (one for one in _known(resource, "rule") if one["status"] == "Enabled"):
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


def _expressions(planned: Plan, one: dict[str, Any]) -> dict[str, Any]:
    """What the configuration says of a resource, by argument: a value that is not planned may not be said, or not be known."""
    module, _, _ = one["address"].rpartition(f"{one['type']}.{one['name']}")
    configuration = planned["configuration"]["root_module"]
    for call in [part for part in module.split(".") if part not in ("module", "")]:
        configuration = configuration["module_calls"][call.partition("[")[0]]["module"]
    (written,) = [each for each in configuration["resources"] if each["address"] == f"{one['type']}.{one['name']}"]
    said: dict[str, Any] = written["expressions"]
    return said


def _aliases(planned: Plan, of: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """The alias of each key, by the key's address: which key an alias is of stands in the configuration alone."""
    named = {}
    for one in of.get("aws_kms_alias", ()):
        module, _, _ = one["address"].rpartition(f"{one['type']}.{one['name']}")
        key = _expressions(planned, one)["target_key_id"]["references"][-1]
        index = one["address"].removeprefix(f"{module}{one['type']}.{one['name']}")
        for address in (f"{module}{key}", f"{module}{key}{index}"):
            named[address] = one["values"]["name"]
    return named


def _terraform(folder: Path, *command: str) -> str:
    environment = {**os.environ, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    done = subprocess.run(["terraform", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotRendered(f"terraform {command[0]} in {folder.name}:\n{done.stderr or done.stdout}")
    return done.stdout


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
    of_environments = [(f"access/{name}.json", lambda name=name: access(plan(name))) for name in ENVIRONMENTS]
    return [*of_environments, ("github/rules.json", repository)]


if __name__ == "__main__":
    main()
