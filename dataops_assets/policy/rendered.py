"""Files that `infra/render.py` writes: how one is read, and the form of an environment's access file.

Not here: what an access file comes to (`access`), and what holds for the repository (`repository`).
"""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dataops_assets.policy.refused import Refused

Document = dict[str, Any]
_Form = TypeVar("_Form", bound=BaseModel)


def read_rendered(file: Path, form: type[_Form]) -> _Form:
    """What a rendered file says.

    Raises:
        OSError: There is none.
        Refused: It has another form.
    """
    remedy = "render it anew: `make access`"
    try:
        return form.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        raise Refused(str(file), "", ".".join(map(str, first["loc"])), first["msg"], remedy) from None
    except ValueError as error:
        raise Refused(str(file), "", "", f"it is no JSON: {error}", remedy) from None


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WrittenRole(_Written):
    """A role, as the file has it.

    Attributes:
        arn: Its ARN.
        trust: Who may become it.
        policies: What it may do, by name.
        boundary: What limits that; None if nothing does.
        max_session_seconds: How long a session of it lasts at most.
    """

    arn: str = Field(pattern=r"^arn:[\w-]+:iam::\d{12}:role/.+$")
    trust: Document
    policies: dict[str, Document]
    boundary: Document | None
    max_session_seconds: int


class Lock(_Written):
    """How long each version of an object is kept from being removed.

    Attributes:
        mode: `GOVERNANCE`, which whoever may bypass it lifts, or `COMPLIANCE`, which nobody does.
        days: How long.
    """

    mode: str
    days: int


class WrittenBucket(_Written):
    """A bucket, as the file has it. What is there by default is what a file lacks from before it was rendered.

    Attributes:
        policy: Its policy; None if it has none.
        lock: What it locks; None if it locks nothing.
        ends: What ends there by itself, as `raw/ of lifecycle=operational`, and after how many days: `objects`, `old versions`.
    """

    policy: Document | None
    lock: Lock | None = None
    ends: dict[str, dict[str, int]] = Field(default_factory=dict)


class WrittenKey(_Written):
    """A key, as the file has it.

    Attributes:
        arn: Its ARN. Before it is made nobody knows its id: then the alias stands there.
        policy: Its policy.
    """

    arn: str = Field(pattern=r"^arn:[\w-]+:kms:[\w-]+:\d{12}:key/.+$")
    policy: Document


class WrittenTopic(_Written):
    """A topic by which people are told, as the file has it.

    Attributes:
        arn: Its ARN.
        policy: Its policy.
    """

    arn: str = Field(pattern=r"^arn:[\w-]+:sns:[\w-]+:\d{12}:[\w-]+$")
    policy: Document


class Entry(_Written):
    """How somebody is let into a cluster.

    Attributes:
        groups: As which groups of Kubernetes.
        policies: Policies of EKS's own, each with the namespaces in which it holds; `*` is all of the cluster.
        type: `STANDARD`, or what kind of machine it is for.
        user: As whom; None if EKS says so by itself.
    """

    groups: tuple[str, ...]
    policies: dict[str, tuple[str, ...]]
    type: str
    user: str | None


class Cluster(_Written):
    """Whom EKS lets into a cluster, and which pods it lets out as roles; what they may do in it is said by its RBAC.

    Attributes:
        authentication_mode: `API` lets in those of the entries alone; others also those whom a ConfigMap in there names.
        creator_is_admin: Whether whoever makes it may do everything in it.
        entries: By the ARN of the role.
        pods: The ARN of the role of each service account, as `prod/pipeline`.
        reached_from: The ranges of addresses from which its API is reached beside its own network.
    """

    authentication_mode: str
    creator_is_admin: bool
    entries: dict[str, Entry]
    pods: dict[str, str]
    reached_from: tuple[str, ...] = ()


class Written(_Written):
    """The access file of an environment.

    Attributes:
        environment: Its name.
        account: Its account, 12 digits.
        prefix: What all names begin with.
        roles: By name.
        buckets: By name.
        keys: By alias.
        topics: By name; a file of before they were rendered has none.
        clusters: Of Kubernetes, by name; the same.
    """

    environment: str
    account: str = Field(pattern=r"^\d{12}$")
    prefix: str
    roles: dict[str, WrittenRole]
    buckets: dict[str, WrittenBucket]
    keys: dict[str, WrittenKey]
    topics: dict[str, WrittenTopic] = Field(default_factory=dict)
    clusters: dict[str, Cluster] = Field(default_factory=dict)
