"""moto as a server, with what Terraform asks of it for infra/, and moto does not know or forgets.

    python dataops_assets_tests/infra/stand_in.py -H 127.0.0.1 -p 0

It answers by AWS's model of each request, as moto does, and gives back what it was told; nothing runs, and nothing is looked at
that moto would not look at. What infra/ does not ask for is not here: to change an add-on or an entry in place is unknown. Not
here: what is expected of infra/ (test_applied).

Sources: the references of AWS's APIs: of EKS, VpcConfigResponse, Addon, AccessEntry, AssociatedAccessPolicy,
PodIdentityAssociation; of RDS, CreateDBInstance, Parameter; of EC2, CreateLaunchTemplate, SecurityGroupRule; of S3,
GetBucketLifecycleConfiguration.
"""

import json
from typing import Any
from uuid import uuid4

import xmltodict
from moto import backends, server
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.ec2 import urls as ec2_urls
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.responses import EC2Response
from moto.eks import urls as eks_urls
from moto.eks.exceptions import ResourceInUseException, ResourceNotFoundException
from moto.eks.responses import EKSResponse
from moto.rds import urls as rds_urls
from moto.rds.responses import RDSResponse
from moto.s3.models import FakeBucket
from moto.s3.responses import S3Response

Part = dict[str, Any]
"""Something of a cluster, as AWS shows it."""


class Clusters(EKSResponse):
    """Clusters that have a group of security, add-ons, and people and pods who are let in."""

    def create_cluster(self) -> ActionResult:
        result: Any = super().create_cluster()
        cluster = result.result["cluster"]
        cluster.parts = {}
        # Not whether its maker was let in, which AWS does not tell either.
        cluster.access_config = {"authenticationMode": self._get_param("accessConfig")["authenticationMode"]}
        network, name = cluster.resources_vpc_config, f"eks-cluster-sg-{cluster.name}"
        network["vpcId"] = self._ec2.get_subnet(network["subnetIds"][0]).vpc_id
        group = self._ec2.create_security_group(name, "EKS created security group", vpc_id=network["vpcId"])
        network["clusterSecurityGroupId"] = group.id
        return result

    def delete_cluster(self) -> ActionResult:
        result: Any = super().delete_cluster()
        network = result.result["cluster"].resources_vpc_config
        self._ec2.delete_security_group(group_id=network["clusterSecurityGroupId"])
        return result

    def create_nodegroup(self) -> ActionResult:
        result: Any = super().create_nodegroup()
        machines = result.result["nodegroup"]
        machines.update_config = self._get_param("updateConfig")
        machines.remote_access = self._get_param("remoteAccess")
        return result

    def create_addon(self) -> ActionResult:
        name = self._get_param("addonName")
        made = {"addonArn": self._arn("addon", name), "status": "ACTIVE"}
        return ActionResult({"addon": self._make(made, "addon", name)})

    def describe_addon(self) -> ActionResult:
        return ActionResult({"addon": self._find("addon", self._get_param("addonName"))})

    def delete_addon(self) -> ActionResult:
        return ActionResult({"addon": self._remove("addon", self._get_param("addonName"))})

    def create_access_entry(self) -> ActionResult:
        principal = self._get_param("principalArn")
        made = {"accessEntryArn": self._arn("access-entry", principal)}
        return ActionResult({"accessEntry": self._make(made, "access-entry", principal)})

    def describe_access_entry(self) -> ActionResult:
        return ActionResult({"accessEntry": self._find("access-entry", self._get_param("principalArn"))})

    def delete_access_entry(self) -> ActionResult:
        self._remove("access-entry", self._get_param("principalArn"))
        return EmptyResult()

    def associate_access_policy(self) -> ActionResult:
        entry = self._find("access-entry", self._get_param("principalArn"))
        made = self._make({"associatedAt": utcnow()}, "policy", entry["principalArn"], self._get_param("policyArn"))
        return ActionResult({"associatedAccessPolicy": made})

    def list_associated_access_policies(self) -> ActionResult:
        entry = self._find("access-entry", self._get_param("principalArn"))
        found = [part for key, part in self._parts.items() if key[:-1] == ("policy", entry["principalArn"])]
        return ActionResult({"associatedAccessPolicies": found})

    def disassociate_access_policy(self) -> ActionResult:
        self._remove("policy", self._get_param("principalArn"), self._get_param("policyArn"))
        return EmptyResult()

    def create_pod_identity_association(self) -> ActionResult:
        name = f"a-{uuid4().hex[:17]}"
        made = {"associationArn": self._arn("podidentityassociation", name), "associationId": name}
        return ActionResult({"association": self._make(made, "association", name)})

    def describe_pod_identity_association(self) -> ActionResult:
        return ActionResult({"association": self._find("association", self._get_param("associationId"))})

    def delete_pod_identity_association(self) -> ActionResult:
        return ActionResult({"association": self._remove("association", self._get_param("associationId"))})

    @property
    def _ec2(self) -> EC2Backend:
        return ec2_backends[self.current_account][self.region]

    @property
    def _parts(self) -> dict[tuple[str, ...], Part]:
        parts: dict[tuple[str, ...], Part] = self.eks_backend.describe_cluster(name=self._get_param("name")).parts
        return parts

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:eks:{self.region}:{self.current_account}:{kind}/{self._get_param('name')}/{name}/{uuid4()}"

    def _make(self, made: Part, *key: str) -> Part:
        if key in self._parts:
            raise ResourceInUseException(message=f"{' '.join(key)} is there already")
        now = utcnow()
        part = {"createdAt": now, "modifiedAt": now, "clusterName": self._get_param("name")} | made | json.loads(self.body)
        self._parts[key] = part
        return part

    def _find(self, *key: str) -> Part:
        if key not in self._parts:
            raise ResourceNotFoundException(message=f"there is no {' '.join(key)}")
        return self._parts[key]

    def _remove(self, *key: str) -> Part:
        part = self._find(*key)
        del self._parts[key]
        return part


class Databases(RDSResponse):
    """Databases that remember by which key their insights are kept, and whose parameters somebody has set."""

    def create_db_instance(self) -> ActionResult:
        result: Any = super().create_db_instance()
        database = result.result["DBInstance"]
        database.performance_insights_enabled = self.params.get("EnablePerformanceInsights", False)
        database.performance_insights_kms_key_id = self.params.get("PerformanceInsightsKMSKeyId")
        return result

    def modify_db_parameter_group(self) -> ActionResult:
        result = super().modify_db_parameter_group()
        group = self.backend.db_parameter_groups[self.params["DBParameterGroupName"]]
        for parameter in group.parameters.values():
            parameter["Source"] = "user"
        return result


class Machines(EC2Response):
    """Templates of machines whose own tags are not those of what is launched by them."""

    def create_launch_template(self) -> ActionResult:
        result: Any = super().create_launch_template()
        data = self.ec2_backend.get_launch_template(result.result["LaunchTemplate"]["LaunchTemplateId"]).default_version().data
        told = data.pop("TagSpecifications", [])
        if launched := [one for one in told if one["ResourceType"] != "launch-template"]:
            data["TagSpecifications"] = launched
        return result


def _set_lifecycle(bucket: Any, rules: list[dict[str, Any]], understand: Any = FakeBucket.set_lifecycle) -> None:
    understand(bucket, rules)
    bucket.told = rules


def _get_lifecycle(asked: Any, understood: Any = S3Response.get_bucket_lifecycle) -> Any:
    """The rules as they were told: with the size that Terraform says beside tags, which moto does not keep."""
    status, headers, _ = understood(asked)
    told = {"@xmlns": "http://s3.amazonaws.com/doc/2006-03-01/", "Rule": asked.backend.get_bucket(asked.bucket_name).told}
    return status, headers, xmltodict.unparse({"LifecycleConfiguration": told})


def _description(rule: SecurityGroupRule) -> str | None:
    """Also that of a rule that names a group: moto keeps it, and looks for it beside ranges of addresses alone."""
    return rule.ip_range.get("Description") or rule.source_group.get("Description")


def main() -> None:
    """Start it, by the arguments of `moto_server`."""
    for urls, ours in ((ec2_urls, Machines), (eks_urls, Clusters), (rds_urls, Databases)):
        urls.url_paths = {path: getattr(ours, theirs.__name__) for path, theirs in urls.url_paths.items()}
    eks_urls.url_paths["{0}/clusters/(?P<name>[^/]+)/(?P<part>.+)$"] = Clusters.dispatch
    S3Response.get_bucket_lifecycle = _get_lifecycle  # type: ignore[method-assign]
    FakeBucket.set_lifecycle = _set_lifecycle  # type: ignore[method-assign]
    SecurityGroupRule.description = property(_description)  # type: ignore[method-assign, assignment]
    services = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: services  # else it looks through its own folder at each request, twice
    server.main()


if __name__ == "__main__":
    main()
