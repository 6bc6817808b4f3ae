"""From the text of a declared file to its model, with the line of every mistake."""

import difflib
import inspect
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from dataops_assets.contract.errors import ContractError, Mistake, Problem

Path = tuple[str | int, ...]

Model = TypeVar("Model", bound=BaseModel)

_DEEPEST = 20
_SHOWN = 100
_WANTED = {
    "literal_error": "one of {expected}",
    "greater_than_equal": "a number of at least {ge:g}",
    "greater_than": "a number above {gt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "finite_number": "a number that is finite",
    "too_short": "as many entries as are needed, at least {min_length}",
    "too_long": "fewer entries, at most {max_length}",
    "string_too_short": "text that is not empty",
    "string_pattern": "text that fits",
    "int": "a whole number",
    "float": "a number",
    "bool": "`true` or `false`",
    "date": "a day, as 2027-12-31",
    "string": "text; in quotes, if it looks like a number or a date",
    "list": "a list: [one, another]",
    "tuple": "a list: [one, another]",
    "dict": "`key: value` lines",
    "model": "`key: value` lines",
}
"""What would stand well, by how the kinds of mistakes begin that pydantic finds by itself."""
_NAME = "[key]"
"""Ends the path of a name in a mapping that cannot stand."""
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNQUOTED = "!unquoted"
_READ_ANEW = {f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "timestamp")}
_NOT_FINITE = re.compile(r"[+-]?\.(inf|nan)", re.IGNORECASE)


class Unquoted:
    """A number, a day or a time in the words of the file.

    YAML would make another value of many a one: 8 of 010, 90 of 1:30, and it knows neither more than 17 digits nor nanoseconds.
    No dataclass, which pydantic would take apart.

    Args:
        text: The words.
    """

    def __init__(self, text: str):
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unquoted) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return self.text


class _AsWritten(_Loader):  # type: ignore[misc, valid-type]  # mypy takes no variable for a base
    """Reads what is marked as unquoted; all else as ever."""


_AsWritten.add_constructor(_UNQUOTED, lambda _, node: Unquoted(node.value))


@dataclass(frozen=True)
class Document:
    """A YAML file that was read.

    Attributes:
        file: Its name, for messages.
        data: Its content.
        lines: The line of every key and list item, by its path from the top.
    """

    file: str
    data: Any
    lines: dict[Path, int]

    def line(self, path: Path) -> int:
        """The line of a path, or of the nearest part of it that was written."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, message: str, remedy: str) -> Problem:
        """A mistake at a path."""
        return Problem(self.file, self.line(path), message, remedy)

    def below(self, path: Path) -> "Document":
        """The part of the document at a path."""
        data = self.data
        for step in path:
            data = data[step]
        lines = {there[len(path) :]: line for there, line in self.lines.items() if there[: len(path)] == path}
        return Document(self.file, data, lines)

    def entries(self) -> Iterator["Document"]:
        """The entries of a list, each by itself."""
        lines: list[dict[Path, int]] = [{} for _ in self.data]
        for (i, *there), line in ((path, line) for path, line in self.lines.items() if path):
            lines[int(i)][tuple(there)] = line
        yield from (Document(self.file, data, found) for data, found in zip(self.data, lines, strict=True))


def parse_yaml(
    text: str, file: str, top: type[dict[Any, Any]] | type[list[Any]] = dict, written_below: int | None = None
) -> Document:
    """Read one YAML document, which is a mapping or a list, and may be empty.

    Aliases are refused: they are needless in a contract, and a few lines of them can stand for gigabytes. So are values that
    lie deep in one another, which end the process that reads them.

    Args:
        text: The document.
        file: Its name, for messages.
        top: What it must be.
        written_below: How deep the attributes lie, if what lies deeper are values of columns: of these, numbers, days and times
            are `Unquoted`, to be read as the provider's are.

    Raises:
        ContractError: It is not YAML, holds a key twice, uses an alias, or is nested too deep.
    """
    try:
        depth = 0
        for event in yaml.parse(text, _Loader):
            line = event.start_mark.line + 1 if event.start_mark else 1
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent):
                raise ContractError([Problem(file, line, "a YAML alias", "write the value out where it is used")])
            if depth > _DEEPEST:
                remedy = "write it flat: nothing in a contract lies deeper than a few levels"
                raise ContractError([Problem(file, line, f"more than {_DEEPEST} values in one another", remedy)])
        loader = (_Loader if written_below is None else _AsWritten)(text)
        try:
            node = loader.get_single_node()
            lines: dict[Path, int] = {}
            if node is not None:
                if written_below is not None:
                    _keep_written(node, written_below)
                _walk(node, (), lines, file, loader)
            data = top() if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ContractError([Problem(file, line, f"not readable as YAML: {what}", "mend the syntax at this line")]) from error
    if not isinstance(data, top):
        wanted = ("a mapping", "`key: value` lines") if top is dict else ("a list", "every entry below a `- ` of its own")
        raise ContractError([Problem(file, 1, f"not {wanted[0]}", f"write {wanted[1]}")])
    return Document(file, data, lines)


def _keep_written(node: yaml.Node, levels: int) -> None:
    if not isinstance(node, yaml.ScalarNode):
        for child in (value for _, value in node.value) if isinstance(node, yaml.MappingNode) else node.value:
            _keep_written(child, levels - 1)
    # Of what is not finite nothing is lost, and `.nan` is YAML's word alone.
    elif levels < 0 and node.tag in _READ_ANEW and not _NOT_FINITE.fullmatch(node.value):
        node.tag = _UNQUOTED


def _walk(node: yaml.Node, path: Path, lines: dict[Path, int], file: str, loader: yaml.SafeLoader) -> None:
    line = lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            there = (*path, str(key.value))
            if there in lines:
                problem = Problem(file, key.start_mark.line + 1, f"`{key.value}` stands here twice", "remove one of the two")
                raise ContractError([problem])
            lines[there] = key.start_mark.line + 1
            _walk(value, there, lines, file, loader)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*path, index), lines, file, loader)
    else:
        try:
            str(loader.construct_object(node))  # Python reads longer numbers in hex than it writes
        # 30 February; and whatever else the parts of PyYAML raise for what a tag promises, as for `!!bool x`.
        except (ValueError, LookupError, AttributeError) as error:
            what = f"{node.value[:_SHOWN]} cannot be read: {str(error)[:_SHOWN]}"
            problem = Problem(file, line, what, "mend the value, or put it in quotes")
            raise ContractError([problem]) from error


def validate(model: type[Model], document: Document) -> Model:
    """Check a document against its model.

    Raises:
        ContractError: With a problem for every attribute that is wrong, missing or unknown.
    """
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        entries: list[dict[str, Any]] = [dict(entry) for entry in error.errors()]
        # One that is misspelled is not missing, too.
        meant = {(*entry["loc"][:-1], _nearest(model, entry["loc"])) for entry in entries if entry["type"] == "extra_forbidden"}
        told = [entry for entry in entries if entry["type"] != "missing" or entry["loc"] not in meant]
        raise ContractError([_problem(model, document, entry) for entry in told]) from error


def _nearest(model: type[BaseModel], path: Path) -> str | None:
    """The attribute that was likely meant where an unknown one stands."""
    owner, _ = _attribute_at(model, path)
    return next(iter(difflib.get_close_matches(str(path[-1]), _fields(owner), 1)), None)


def _problem(model: type[BaseModel], document: Document, entry: dict[str, Any]) -> Problem:
    error = entry.get("ctx", {}).get("error")
    path: Path = (*entry["loc"], *(error.at if isinstance(error, Mistake) else ()))
    owner, depth = _attribute_at(model, path)
    attribute, inside = (str(path[depth]), path[depth + 1 :]) if path else ("", ())
    name = _in_words(attribute, inside)
    if isinstance(error, Mistake):
        return document.problem(path, (f"{name}: " if name else "") + error.message, error.remedy)
    doc = attribute_docs(owner).get(_fields(owner).get(attribute, attribute), "")
    meaning = f" ({doc})" if doc else ""
    if entry["type"] == "missing":
        remedy = "add it" if inside else f"add `{attribute}: …`"
        return document.problem(path[:-1], f"{name} is missing", remedy + meaning)
    if entry["type"] == "extra_forbidden":
        near = _nearest(model, path)
        remedy = f"did you mean `{near}`?" if near else f"known here: {', '.join(_fields(owner))}"
        return document.problem(path, f"unknown attribute {name}", remedy)
    return document.problem(path, f"{name} is {entry['input']!r}: {_words(entry['msg'])}", f"write {_wanted(entry)}{meaning}")


def _in_words(attribute: str, inside: Path) -> str:
    """An attribute, or what stands in it: an entry of its list, or what its mapping holds by a name."""
    if not inside:
        return f"`{attribute}`" if attribute else ""
    if inside[-1] == _NAME:
        return f"a name in `{attribute}`"
    entry = f"entry {inside[-1] + 1}" if isinstance(inside[-1], int) else f"`{inside[-1]}`"
    return f"{entry} of `{attribute}`"


def _words(message: str) -> str:
    """What pydantic says, in the words of who writes YAML."""
    return message.lower().replace("tuple", "list")


def _wanted(entry: Mapping[str, Any]) -> str:
    """What would stand well where pydantic found a mistake of its own kinds."""
    words = next((words for start, words in _WANTED.items() if entry["type"].startswith(start)), "another value")
    return words.format(**entry.get("ctx", {})).replace("'", "`")


def _attribute_at(model: type[BaseModel], path: Path) -> tuple[type[BaseModel], int]:
    """The last attribute on a path, as the model that has it and its place on the path; what follows are entries in it."""
    owner, depth, named_freely = model, 0, False
    for place, step in enumerate(path):
        if isinstance(step, int) or named_freely or step == _NAME:
            named_freely = False
            continue
        owner, depth = model, place
        name = _fields(owner).get(step)
        if name:
            annotation = owner.model_fields[name].annotation
            model, named_freely = _inner_model(annotation) or model, get_origin(annotation) is dict
    return owner, depth


def _fields(model: type[BaseModel]) -> dict[str, str]:
    """The names of a model's fields, by how they are written."""
    return {field.alias or name: name for name, field in model.model_fields.items()}


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    arguments: tuple[Hashable, ...] = getattr(annotation, "__args__", ())
    return next((found for argument in arguments if (found := _inner_model(argument))), None)


def attribute_docs(model: type[BaseModel]) -> dict[str, str]:
    """What the docstrings of a model and its bases say of each attribute."""
    docs: dict[str, str] = {}
    for base in reversed(model.__mro__):
        text = inspect.cleandoc(base.__doc__ or "")
        _, _, section = text.partition("Attributes:\n")
        for match in re.finditer(r"^    (\w+(?:, \w+)*): (.*(?:\n        .*)*)", section, re.MULTILINE):
            for name in match[1].split(", "):
                docs[name] = re.sub(r"\s+", " ", match[2]).strip()
    return docs
