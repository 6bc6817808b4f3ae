"""Who may ask the Dagster webserver for what: the table `webserver.yaml`, and what a GraphQL document asks for.

A document is judged as a whole, before any of it is executed: all its operations, whatever the request says of their names,
and all fields of its mutations, also by fragments, aliases, and with `@skip` or `@include`. So what is judged is never less
than what is executed. What cannot be read is refused.

Not here: what comes over the wire, and who a person is (`guard`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    parse,
)
from graphql.execution.values import get_argument_values, get_variable_values
from pydantic import BaseModel, ConfigDict, Field

from dataops_assets.contract.errors import ContractError, Mistake
from dataops_assets.contract.parse import parse_yaml, validate
from dataops_assets.policy.refused import Refused

Role = Literal["viewers", "operators"]
Who = Literal["everyone", "operators", "nobody"]

_FILE = "dataops_assets/policy/webserver.yaml"
_NOBODY_SAID = "it does not stand in the table of what may be asked for"
_TOKENS = 20_000
"""The longest document of Dagster's UI has some 2,000."""
_ABOUT = re.compile(r"(runIds?|parentRunId|backfillId|pipelineName|jobName|repositoryLocationName|partitionSetName)")


class Row(BaseModel):
    """What the table says of a path or a mutation.

    Attributes:
        who: Who may ask for it.
        what: Which of the three things that an operator may do it is.
        why: Why it is not one of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    who: Who
    what: Literal["launch", "re-execute", "terminate"] | None = None
    why: str = ""

    def lets(self, role: Role) -> bool:
        """Whether somebody of a role may ask for it."""
        return self.who == "everyone" or (self.who, role) == ("operators", "operators")


class Launching(BaseModel):
    """What a request for a run may say.

    Attributes:
        code_locations: Whose jobs and assets may be run, where the request names any.
        run_config: The keys at the top of a run's config.
        tags: Of the run.
        fields: Of the inputs of the schema.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    code_locations: frozenset[str]
    run_config: frozenset[str]
    tags: frozenset[str]
    fields: frozenset[str]


class Table(BaseModel):
    """The table.

    Attributes:
        roles: From the one that may least.
        paths: By method and path, as the webserver declares them.
        mutations: By name.
        launching: What a request for a run may say.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: tuple[Role, ...]
    paths: dict[str, Row]
    mutations: dict[str, Row] = Field(min_length=1)
    launching: Launching


@dataclass(frozen=True)
class Asked:
    """A mutation that a document asks for.

    Attributes:
        mutation: Its name in the schema, whatever alias it has.
        arguments: What it says, with variables filled in.
    """

    mutation: str
    arguments: Mapping[str, Any]

    @property
    def about(self) -> str:
        """The runs, jobs, assets and partitions that it names, as far as a line of a log holds them."""
        return ", ".join(dict.fromkeys(_named(self.arguments)))[:300]


@cache
def table() -> Table:
    """The table of this project."""
    return read_table(Path(__file__).parent)


def read_table(folder: Path) -> Table:
    """The table in a folder, as another commit may have it.

    Raises:
        OSError: There is none.
        Refused: It is not as it must be.
    """
    try:
        text = (folder / "webserver.yaml").read_text(encoding="utf-8")
        return validate(Table, parse_yaml(text, _FILE))
    except UnicodeDecodeError as error:
        raise Refused(_FILE, "", "", f"it is not UTF-8: {error.reason}", "save it as UTF-8") from None
    except ContractError as error:
        first = error.problems[0]
        raise Refused(f"{first.file}:{first.line}", "", "", first.message, first.remedy) from None


def asked(query: str, variables: Mapping[str, Any], schema: GraphQLSchema) -> list[Asked]:
    """The mutations that a document asks for; none if it only reads.

    Raises:
        Mistake: It cannot be read, or what it says does not fit the schema.
    """
    document = _parsed(query)
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    found = []
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode) and operation.operation is OperationType.MUTATION:
            filled = _variables(operation, variables, schema)
            for field in _fields(operation.selection_set, fragments, frozenset()):
                found.append(_asked(field, filled, schema))
    return found


def only_subscribes(query: str) -> bool:
    """Whether a document holds nothing but subscriptions, and fragments of them.

    Raises:
        Mistake: It cannot be read.
    """
    operations = [node for node in _parsed(query).definitions if isinstance(node, OperationDefinitionNode)]
    return bool(operations) and all(one.operation is OperationType.SUBSCRIPTION for one in operations)


def why_not(rules: Table, role: Role, one: Asked) -> str | None:
    """Why somebody may not ask for a mutation; None if he may."""
    row = rules.mutations.get(one.mutation)
    if row is None or row.who == "nobody":
        return (row and row.why) or _NOBODY_SAID
    if not row.lets(role):
        return f"{row.who} alone may {row.what}, and you are of {role}"
    if row.what is None:
        return None
    return next(_too_much(rules.launching, one.arguments), None)


def _parsed(query: str) -> DocumentNode:
    try:
        return parse(query, no_location=True, max_tokens=_TOKENS)
    except (GraphQLError, RecursionError) as error:
        told = error.message if isinstance(error, GraphQLError) else "it is nested too deeply"
        raise Mistake(f"the document cannot be read: {told}", "send one GraphQL document that is whole") from error


def _variables(operation: OperationDefinitionNode, given: Mapping[str, Any], schema: GraphQLSchema) -> dict[str, Any]:
    found = get_variable_values(schema, operation.variable_definitions, dict(given))
    if isinstance(found, list):
        raise Mistake(f"the variables do not fit: {found[0].message}", "send what the schema asks for")
    return found


def _fields(
    selected: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], within: frozenset[str]
) -> Iterator[FieldNode]:
    """The fields at the top of an operation, wherever they are written."""
    for node in selected.selections:
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode):
            yield from _fields(node.selection_set, fragments, within)
        elif isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name in within or name not in fragments:
                raise Mistake(f"the fragment `{name}` is not there, or holds itself", "send one GraphQL document that is whole")
            yield from _fields(fragments[name].selection_set, fragments, within | {name})


def _asked(field: FieldNode, variables: dict[str, Any], schema: GraphQLSchema) -> Asked:
    name = field.name.value
    definition = schema.mutation_type.fields.get(name) if schema.mutation_type else None
    if definition is None:
        return Asked(name, {})  # `__typename`, or what there is not: no table knows it
    try:
        return Asked(name, get_argument_values(definition, field, variables))
    except GraphQLError as error:
        raise Mistake(f"the arguments of `{name}` do not fit: {error.message}", "send what the schema asks for") from error


def _too_much(limits: Launching, said: Any, field: str = "") -> Iterator[str]:
    """What is said of a run that may not be, by the field of the input that says it."""
    if said is None:
        return
    if field == "runConfigData":
        yield from (
            f"the run config says `{key}`: it may say {_listed(limits.run_config)}" for key in _keys(said) - limits.run_config
        )
    elif field in {"tags", "extraTags"}:
        keys = [str(tag["key"]) for tag in said]
        yield from (f"the tag `{key}` is not for people to set" for key in keys if key not in limits.tags)
    elif field == "repositoryLocationName" and said not in limits.code_locations:
        yield f"the code location `{said}` is not one of {_listed(limits.code_locations)}"
    elif isinstance(said, Mapping):
        for key, value in said.items():
            if key not in limits.fields and value is not None:
                yield f"`{key}` is not for people to say"
            yield from _too_much(limits, value, key)
    elif isinstance(said, Sequence) and not isinstance(said, str):
        for value in said:
            yield from _too_much(limits, value, field)


def _keys(config: Any) -> set[str]:
    """The keys at the top of a run's config: it is a mapping, or the YAML of one."""
    if isinstance(config, str):
        try:
            config = yaml.safe_load(config)
        except (yaml.YAMLError, RecursionError):
            return {"what is no YAML"}
    if config is None or config == "":
        return set()
    return {str(key) for key in config} if isinstance(config, Mapping) else {"no keys"}


def _listed(names: frozenset[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "nothing"


def _named(said: Any, field: str = "") -> Iterator[str]:
    if isinstance(said, Mapping):
        if field in {"assetKey", "assetSelection"} and isinstance(said.get("path"), Sequence):
            yield "/".join(map(str, said["path"]))
        for key, value in said.items():
            yield from _named(value, key)
    elif isinstance(said, Sequence) and not isinstance(said, str):
        for value in said:
            yield from _named(value, field)
    elif isinstance(said, str) and (_ABOUT.fullmatch(field) or field == "partitionNames"):
        yield said
