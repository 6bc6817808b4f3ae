"""What a plan may hold: the kinds of resources that give access and are read, and those that give none.

All else is refused, since what it lets somebody do would be told by nobody: another kind; another argument, by which a
resource might give access by the way, open the network or send somebody elsewhere; a switch that holds everybody, and is off; a
second resource of what another is of, as but one would hold, and be read; what runs while a plan is made or applied; what is
fetched; and what is told to somebody who is not planned here. Not here: what is read (`render`), and what no plan shows
(`written`).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infra.planning import Plan, Resource, configured, known
from infra.written import NotRendered

OF_CLUSTERS = ("aws_eks_access_entry", "aws_eks_access_policy_association", "aws_eks_pod_identity_association")
_OF_BUCKETS = frozenset(
    {f"aws_s3_bucket_{of}" for of in ("lifecycle_configuration", "logging", "object_lock_configuration", "versioning")}
    | {f"aws_s3_bucket_{of}" for of in ("ownership_controls", "public_access_block", "server_side_encryption_configuration")}
    | {"aws_s3_bucket_policy"}
)
_READ = {
    "aws_eks_access_entry": "cluster_name kubernetes_groups principal_arn type user_name",
    "aws_eks_access_policy_association": "access_scope cluster_name policy_arn principal_arn",
    "aws_eks_pod_identity_association": "cluster_name namespace role_arn service_account",
    "aws_iam_policy": "description name path policy",
    "aws_iam_role": "assume_role_policy description max_session_duration name path permissions_boundary",
    "aws_iam_role_policy": "name policy role",
    "aws_iam_role_policy_attachment": "policy_arn role",
    "aws_kms_alias": "name target_key_id",
    "aws_kms_key": "deletion_window_in_days description enable_key_rotation policy tags",
    "aws_s3_bucket": "bucket force_destroy object_lock_enabled",
    "aws_s3_bucket_lifecycle_configuration": "bucket rule",
    "aws_s3_bucket_logging": "bucket target_bucket target_prefix",
    "aws_s3_bucket_object_lock_configuration": "bucket rule",
    "aws_s3_bucket_ownership_controls": "bucket rule",
    "aws_s3_bucket_policy": "bucket policy",
    "aws_s3_bucket_public_access_block": (
        "block_public_acls block_public_policy bucket ignore_public_acls restrict_public_buckets"
    ),
    "aws_s3_bucket_server_side_encryption_configuration": "bucket rule",
    "aws_s3_bucket_versioning": "bucket versioning_configuration",
    "aws_sns_topic": "kms_master_key_id name",
    "aws_sns_topic_policy": "arn policy",
}
_GIVES_NONE = {
    "aws_athena_workgroup": "configuration description force_destroy name",
    "aws_cloudtrail": (
        "advanced_event_selector cloud_watch_logs_group_arn cloud_watch_logs_role_arn enable_log_file_validation "
        "include_global_service_events is_multi_region_trail kms_key_id name s3_bucket_name s3_key_prefix sns_topic_name"
    ),
    "aws_cloudwatch_event_rule": "description event_pattern name state",
    "aws_cloudwatch_event_target": "arn input_transformer rule target_id",
    "aws_cloudwatch_log_group": "kms_key_id name retention_in_days",
    "aws_cloudwatch_log_metric_filter": "log_group_name metric_transformation name pattern",
    "aws_cloudwatch_metric_alarm": (
        "alarm_actions alarm_description alarm_name comparison_operator dimensions evaluation_periods "
        "insufficient_data_actions metric_name namespace ok_actions period statistic threshold treat_missing_data"
    ),
    "aws_db_instance": (
        "allocated_storage auto_minor_version_upgrade backup_retention_period copy_tags_to_snapshot db_name "
        "db_subnet_group_name delete_automated_backups deletion_protection enabled_cloudwatch_logs_exports engine "
        "engine_version final_snapshot_identifier iam_database_authentication_enabled identifier instance_class kms_key_id "
        "manage_master_user_password max_allocated_storage multi_az parameter_group_name performance_insights_enabled "
        "performance_insights_kms_key_id skip_final_snapshot storage_encrypted storage_type username vpc_security_group_ids"
    ),
    "aws_db_parameter_group": "family name_prefix parameter",
    "aws_db_subnet_group": "name subnet_ids",
    "aws_default_security_group": "vpc_id",
    "aws_ecr_lifecycle_policy": "policy repository",
    "aws_ecr_repository": "encryption_configuration image_scanning_configuration image_tag_mutability name",
    "aws_eip": "domain tags",
    "aws_eks_addon": "addon_name cluster_name",
    "aws_eks_cluster": "access_config enabled_cluster_log_types encryption_config name role_arn version vpc_config",
    "aws_eks_node_group": (
        "ami_type cluster_name instance_types launch_template node_group_name node_role_arn scaling_config subnet_ids "
        "update_config"
    ),
    "aws_glue_catalog_database": "create_table_default_permission description name",
    "aws_glue_catalog_table": "database_name description name owner parameters partition_keys storage_descriptor table_type",
    "aws_iam_openid_connect_provider": "client_id_list url",  # whom it lets in is said by the roles that trust it
    "aws_internet_gateway": "tags vpc_id",
    "aws_launch_template": "block_device_mappings metadata_options name update_default_version",
    "aws_nat_gateway": "allocation_id subnet_id tags",
    "aws_route": "destination_cidr_block gateway_id nat_gateway_id route_table_id",
    "aws_route_table": "tags vpc_id",
    "aws_route_table_association": "route_table_id subnet_id",
    "aws_security_group": "description name vpc_id",
    "aws_sns_topic_subscription": "endpoint protocol topic_arn",  # who is told of alarms, no data
    "aws_subnet": "availability_zone cidr_block tags vpc_id",
    "aws_vpc": "cidr_block enable_dns_hostnames tags",
    "aws_vpc_endpoint": "route_table_ids service_name tags vpc_id",
    "aws_vpc_security_group_ingress_rule": (
        "description from_port ip_protocol referenced_security_group_id security_group_id to_port"
    ),
}
_ARGUMENTS = {kind: frozenset(arguments.split()) for kind, arguments in (_READ | _GIVES_NONE).items()}
"""What a resource may say, by its kind: all that ours say, and what is read. By another argument somebody might act, or read,
or be sent elsewhere: a policy or a key within a resource, a script of a machine, a tag of a role."""
_LOOKED_UP = {"aws_iam_policy_document"}
"""Data that asks nobody and runs nothing: Terraform writes it down."""
_BY_ADDRESS = frozenset({"cidr_ipv4", "cidr_ipv6", "ingress", "prefix_list_id", "publicly_accessible", "remote_access"})
"""Arguments by which something is reached from addresses. How the API of a cluster is reached is read. With a key for SSH, and
no group that may use it, AWS opens machines to every address. Source: Amazon EKS API Reference, "RemoteAccessConfig"."""
_ALWAYS = {
    "aws_cloudtrail": {
        "enable_log_file_validation": True,
        "include_global_service_events": True,
        "is_multi_region_trail": True,
    },
    "aws_db_instance": {"iam_database_authentication_enabled": True, "storage_encrypted": True},
    "aws_ecr_repository": {"image_tag_mutability": "IMMUTABLE"},
    "aws_launch_template": {"metadata_options.http_put_response_hop_limit": 1, "metadata_options.http_tokens": "required"},
    "aws_s3_bucket_ownership_controls": {"rule.object_ownership": "BucketOwnerEnforced"},
    "aws_s3_bucket_public_access_block": dict.fromkeys(
        ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"), True
    ),
    "aws_s3_bucket_versioning": {"versioning_configuration.status": "Enabled"},
}
"""Switches that hold whoever a policy lets in: what is public, what stays of what is overwritten, whether a pod is its machine,
whether a tag can be moved. They are one way, so nothing of them is rendered."""
_OF_EACH_BUCKET = ("aws_s3_bucket_ownership_controls", "aws_s3_bucket_public_access_block")
_PROVIDERS = tuple(f"registry.{where}/hashicorp/aws" for where in ("terraform.io", "opentofu.org"))
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
        if block["mode"] == "managed":
            _say(address, block["type"], block["expressions"])
    for one in planned:
        _fetched(one["configuration"])
    ours, claimed = set(receivers), dict[tuple[str, ...], str]()
    for one in found:
        _refuse(one, ours)
        claim = _claim(one)
        if other := claimed.get(claim):
            both = f"{one['address']} and {other} are both of {' '.join(claim[1:])}"
            raise NotRendered(f"{both}: one of them alone holds, leave the other out")
        claimed[claim] = one["address"]
    needed = [(one, kind) for one in found if one["type"] == "aws_s3_bucket" for kind in _OF_EACH_BUCKET]
    needed += [(one, "aws_s3_bucket_versioning") for one in found if _ends_versions(one)]
    for one, kind in needed:
        if (kind, known(one, "bucket")) not in claimed:
            raise NotRendered(f"{one['address']}: its bucket has no {kind}: write one")


def _ends_versions(one: Resource) -> bool:
    """Whether a bucket keeps what is overwritten for a while: without versions it would keep nothing of it."""
    return one["type"] == "aws_s3_bucket_lifecycle_configuration" and any(
        rule.get("noncurrent_version_expiration") for rule in known(one, "rule")
    )


def _claim(one: Resource) -> tuple[str, ...]:
    """What a resource is of, with its kind; where that is said by no value, the resource itself, which two roots could have."""
    if one["type"] not in _CLAIMS:
        return one["type"], one["address"]
    of = {name: str(known(one, name)) for name in _CLAIMS[one["type"]]}
    # A policy of a role or of an entry has one name, held or attached: the end of its ARN.
    ends = [value.rpartition("/")[2] if name == "policy_arn" else value for name, value in of.items()]
    return one["type"].removesuffix("_attachment"), *ends


def _say(address: str, kind: str, said: Iterable[str]) -> None:
    """Refuse what a resource may not be, or say: also one of which nothing is made yet."""
    if kind not in _ARGUMENTS:
        raise NotRendered(
            f"{address}: who gets access by a resource of this kind is not read: "
            "where it lets nobody do anything, list it in infra/kinds.py"
        )
    for name in sorted(set(said) - _ARGUMENTS[kind]):
        remedy = "let in a group of machines, by `referenced_security_group_id`"
        if name not in _BY_ADDRESS:
            remedy = "or write a resource of its own; where nobody may do more by it, list it in infra/kinds.py"
        raise NotRendered(f"{address}: `{name}` within it is not read: leave it out, {remedy}")
    if kind == "aws_eks_node_group" and "launch_template" not in said:
        raise NotRendered(f"{address}: without a `launch_template`, its pods reach the credentials of their machine: name one")


def _fetched(configuration: Mapping[str, Any]) -> None:
    """Refuse code that is not in infra/: it would be planned, and be another when it is applied."""
    for provider in configuration.get("provider_config", {}).values():
        if provider["full_name"] not in _PROVIDERS:
            raise NotRendered(f"the provider {provider['full_name']} is not read: only {' or '.join(_PROVIDERS)} is")
        # The override alone says no region, so there is nothing that it overrides.
        if "region" not in provider.get("expressions", ()):
            remedy = "write it as infra/written.py has it"
            raise NotRendered(f"no provider says where, and in which account, something is made: {remedy}")

    def within(module: Mapping[str, Any]) -> None:
        for name, call in module.get("module_calls", {}).items():
            if not call["source"].startswith(("./", "../")):
                raise NotRendered(f"module.{name} is fetched from {call['source']}: write it in infra/modules")
            within(call["module"])

    within(configuration["root_module"])


def _refuse(one: Resource, ours: set[str]) -> None:
    kind, values, address = one["type"], one["values"], one["address"]
    if kind in _OF_BUCKETS and known(one, "bucket") not in ours:
        raise NotRendered(f"{address} is of the bucket {values['bucket']}, which is not planned here")
    if kind == "aws_sns_topic_subscription" and known(one, "protocol") != "email":
        raise NotRendered(f"{address}: who is told by `{values['protocol']}` is not known here: people are told by `email`")
    for name, wanted in _ALWAYS.get(kind, {}).items():
        if (switched := list(_said(values, *name.split(".")))) != [wanted]:
            raise NotRendered(f"{address}: `{name}` is {switched[0] if switched else 'off'}: it is always {wanted}")
    for name in _TOLD.get(kind, ()):
        for whom in _said(values, *name.split(".")):
            if (whom.split("/")[2] if whom.startswith("s3://") else whom) not in ours:
                remedy = "tell it to a bucket, topic or log group that is planned here, by its name"
                raise NotRendered(f"{address}: `{name}` is {whom}: {remedy}")


def _said(values: Mapping[str, Any], name: str, *within: str) -> Iterator[Any]:
    """What an argument says, or one of its blocks, however many there are; in a list, null stands for what is not known."""
    not_known = "not known before something is made"
    said = values.get(name, not_known)
    for one in said if isinstance(said, list) else [said] if said else []:
        if within and isinstance(one, Mapping):
            yield from _said(one, *within)
        else:
            yield one or not_known
