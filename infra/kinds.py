"""What a plan may hold: the kinds of resources that give access and are read, and those that give none.

All else is refused, since what it lets somebody do would be told by nobody: another kind; an argument by which a resource gives
access by the way, or opens the network; a second resource of what another is of, as but one would hold, and be read; what runs
while a plan is made or applied; and what is told to somebody who is not planned here. Not here: what is read (`render`).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infra.planning import Plan, Resource, configured, expressions, known
from infra.written import NotRendered

OF_CLUSTERS = ("aws_eks_access_entry", "aws_eks_access_policy_association", "aws_eks_pod_identity_association")
_OF_BUCKETS = frozenset(
    {f"aws_s3_bucket_{of}" for of in ("lifecycle_configuration", "logging", "object_lock_configuration", "versioning")}
    | {f"aws_s3_bucket_{of}" for of in ("ownership_controls", "public_access_block", "server_side_encryption_configuration")}
    | {"aws_s3_bucket_policy"}
)
_READ = frozenset(
    {"aws_iam_policy", "aws_iam_role", "aws_iam_role_policy", "aws_iam_role_policy_attachment"}
    | {"aws_kms_alias", "aws_kms_key", "aws_s3_bucket", "aws_sns_topic", "aws_sns_topic_policy"}
    | _OF_BUCKETS
    | set(OF_CLUSTERS)
)
_GIVES_NONE = frozenset(
    {"aws_iam_openid_connect_provider"}  # whom it lets in is said by the roles that trust it
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
_LOOKED_UP = {"aws_iam_policy_document"}
"""Data that asks nobody and runs nothing: Terraform writes it down."""
_BY_THE_WAY = {
    "aws_cloudwatch_event_target": ("dead_letter_config", "role_arn"),
    "aws_eks_addon": ("pod_identity_association", "service_account_role_arn"),
    "aws_iam_role": ("inline_policy", "managed_policy_arns"),
    "aws_launch_template": ("iam_instance_profile",),
    "aws_s3_bucket": ("policy", "grant", "acl"),
    "aws_sns_topic": ("policy",),
    "aws_sns_topic_subscription": ("redrive_policy",),
    "aws_vpc_endpoint": ("policy",),
}
"""Arguments by which a resource gives access itself, though another kind is there for it, and is read or refused."""
_BY_ADDRESS = {
    "aws_db_instance": ("publicly_accessible",),
    "aws_default_security_group": ("ingress",),
    "aws_eks_node_group": ("remote_access",),
    "aws_security_group": ("ingress",),
    "aws_vpc_security_group_ingress_rule": ("cidr_ipv4", "cidr_ipv6", "prefix_list_id"),
}
"""Arguments by which something is reached from addresses. How the API of a cluster is reached is read. With a key for SSH, and
no group that may use it, AWS opens machines to every address. Source: Amazon EKS API Reference, "RemoteAccessConfig"."""
_WITHIN = (
    (_BY_THE_WAY, "leave it out, or write a resource of its own, as aws_s3_bucket_policy"),
    (_BY_ADDRESS, "leave it out, and let in a group of machines, by `referenced_security_group_id`"),
)
_CLAIMS = {
    **dict.fromkeys(_OF_BUCKETS, ("bucket",)),
    "aws_cloudtrail": ("name",),
    "aws_cloudwatch_event_rule": ("name",),
    "aws_cloudwatch_event_target": ("rule", "target_id"),
    "aws_cloudwatch_log_metric_filter": ("log_group_name", "name"),
    "aws_cloudwatch_metric_alarm": ("alarm_name",),
    "aws_ecr_lifecycle_policy": ("repository",),
    "aws_eks_access_entry": ("cluster_name", "principal_arn"),
    "aws_eks_access_policy_association": ("cluster_name", "principal_arn", "policy_arn"),
    "aws_eks_cluster": ("name",),
    "aws_eks_pod_identity_association": ("cluster_name", "namespace", "service_account"),
    "aws_iam_policy": ("name",),
    "aws_iam_role": ("name",),
    "aws_iam_role_policy": ("role", "name"),
    "aws_iam_role_policy_attachment": ("role", "policy_arn"),
    "aws_kms_alias": ("name",),
    "aws_s3_bucket": ("bucket",),
    "aws_sns_topic": ("name",),
    "aws_sns_topic_policy": ("arn",),
}
"""What a resource is of. Two of one are one thing at AWS: where that is put, not made, the later holds without a word."""
_TOLD = {
    "aws_athena_workgroup": ("configuration.result_configuration.output_location",),
    "aws_cloudtrail": ("cloud_watch_logs_group_arn", "s3_bucket_name", "sns_topic_name"),
    "aws_cloudwatch_event_target": ("arn",),
    "aws_cloudwatch_metric_alarm": ("alarm_actions", "insufficient_data_actions", "ok_actions"),
    "aws_s3_bucket_logging": ("target_bucket",),
}
"""To whom a resource tells something, by name, ARN or address of S3; an argument of a block is named by both. What belongs to
another account takes it by a policy that is in no plan here, so what is rendered could not say who reads it. Nobody needs one:
so it is refused, and nothing of it is rendered."""


def refuse(planned: Iterable[Plan], found: Iterable[Resource], receivers: Iterable[str]) -> None:
    """Refuse what a plan may not hold.

    Args:
        planned: The plans of an environment.
        found: All that they would make.
        receivers: The buckets, topics and log groups of those, by name and ARN.

    Raises:
        NotRendered: There is something.
    """
    for address, block in (each for one in planned for each in configured(one)):
        if block["mode"] != "managed" and block["type"] not in _LOOKED_UP:
            raise NotRendered(f"{address}: what data of this kind runs, or reads, no plan says: pass it in as a value")
        for provisioner in block.get("provisioners", ()):
            raise NotRendered(f"{address}: what its provisioner `{provisioner['type']}` does, no plan says: leave it out")
    ours, claimed = set(receivers), dict[tuple[str, ...], str]()
    for one in found:
        _refuse(one, ours)
        claim = _claim(one)
        if other := claimed.get(claim):
            both = f"{one['address']} and {other} are both of {' '.join(claim[1:])}"
            raise NotRendered(f"{both}: one of them alone holds, leave the other out")
        claimed[claim] = one["address"]


def _claim(one: Resource) -> tuple[str, ...]:
    """What a resource is of, with its kind; where that is said by no value, the resource itself, which two roots could have."""
    if one["type"] not in _CLAIMS:
        return one["type"], one["address"]
    of = {name: str(known(one, name)) for name in _CLAIMS[one["type"]]}
    # A policy of a role or of an entry has one name, held or attached: the end of its ARN.
    ends = [value.rpartition("/")[2] if name == "policy_arn" else value for name, value in of.items()]
    return one["type"].removesuffix("_attachment"), *ends


def _refuse(one: Resource, ours: set[str]) -> None:
    kind, values, address = one["type"], one["values"], one["address"]
    if kind not in _READ | _GIVES_NONE:
        raise NotRendered(
            f"{address}: who gets access by a resource of this kind is not read: "
            "where it lets nobody do anything, list it in infra/kinds.py"
        )
    for name, remedy in ((name, remedy) for table, remedy in _WITHIN for name in table.get(kind, ())):
        if values.get(name) or (name not in values and name in expressions(one)):  # said, and not known yet
            raise NotRendered(f"{address}: `{name}` within it is not read: {remedy}")
    if kind in _OF_BUCKETS and known(one, "bucket") not in ours:
        raise NotRendered(f"{address} is of the bucket {values['bucket']}, which is not planned here")
    if kind == "aws_sns_topic_subscription" and known(one, "protocol") != "email":
        raise NotRendered(f"{address}: who is told by `{values['protocol']}` is not known here: people are told by `email`")
    for name in _TOLD.get(kind, ()):
        for whom in _said(values, *name.split(".")):
            if (whom.split("/")[2] if whom.startswith("s3://") else whom) not in ours:
                remedy = "tell it to a bucket, topic or log group that is planned here, by its name"
                raise NotRendered(f"{address}: `{name}` is {whom}: {remedy}")


def _said(values: Mapping[str, Any], name: str, *within: str) -> Iterator[str]:
    """What an argument says, or one of its blocks, however many there are; in a list, null stands for what is not known."""
    not_known = "not known before something is made"
    said = values.get(name, not_known)
    for one in said if isinstance(said, list) else [said] if said else []:
        if within and isinstance(one, Mapping):
            yield from _said(one, *within)
        else:
            yield one or not_known
