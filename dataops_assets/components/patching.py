"""Suggested rules as a patch of `schema.py` and `examples.yaml`, which a person reviews and applies with `git apply`.

What stands there stays as it is, to the last comment. Not here: what is suggested (`gate.learning`).
"""

import ast
import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from dataops_assets.components.writing import LONGEST, examples_of, text
from dataops_assets.gate.learning import Suggestion

_Edit = tuple[int, int, str]
"""From which byte to which byte, and what takes the place of that."""


def patch(folder: Path, top: Path, suggestions: Iterable[Suggestion]) -> tuple[str, list[Suggestion]]:
    """Write suggestions into the files of a dataset, as a unified diff.

    Args:
        folder: The folder of the dataset.
        top: Where the patch will be applied.
        suggestions: What is suggested.

    Returns:
        The diff, and what it leaves out: rules for columns that `schema.py` does not declare itself.
    """
    schema, examples = (folder / name for name in ("schema.py", "examples.yaml"))
    before = _read(schema)
    module = _Module(before)
    wanted = list(suggestions)
    placed = [one for one in wanted if module.takes(one)]
    changed = {schema: (before, module.with_rules(placed))}
    reject = {one.rule: dict(one.example) for one in placed if one.example}
    before = _read(examples)
    changed[examples] = before, _with_examples(before, reject)
    diffs = (_diff(path.relative_to(top).as_posix(), *texts) for path, texts in changed.items())
    return "".join(diffs), [one for one in wanted if one not in placed]


def in_python(suggestion: Suggestion) -> str:
    """What is suggested, as it stands in `schema.py`: `ge=0`, or `a <= b`."""
    if suggestion.compares:
        return f" {suggestion.compares} ".join(suggestion.columns)
    return ", ".join(f"{name}={_literal(value)}" for name, value in suggestion.arguments.items())


class _Module:
    """A `schema.py`: where its fields stand. Python tells places in bytes."""

    def __init__(self, source: str):
        self._source = source.encode()
        self._lines = [0]
        for line in self._source.split(b"\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self._tree = ast.parse(source)
        classes = {node.name: node for node in self._tree.body if isinstance(node, ast.ClassDef)}
        self._model = classes.pop("Schema", None)
        self.fields: dict[str, ast.AnnAssign] = {}
        for model in (*classes.values(), *filter(None, [self._model])):
            self.fields |= {_column(node): node for node in model.body if isinstance(node, ast.AnnAssign)}

    def takes(self, suggestion: Suggestion) -> bool:
        """Whether there is a place for it."""
        return self._model is not None if suggestion.compares else suggestion.columns[0] in self.fields

    def with_rules(self, suggestions: Sequence[Suggestion]) -> str:
        """The module with rules added to it."""
        edits: list[_Edit] = []
        arguments: dict[str, dict[str, Any]] = {}
        for one in suggestions:
            if not one.compares:
                arguments.setdefault(one.columns[0], {}).update(one.arguments)
        for column, said in arguments.items():
            edits += self._in_field(self.fields[column], said)
        checks = "".join(self._check(one) for one in suggestions if one.compares)
        if checks and self._model:
            end = self._lines[self._model.end_lineno or 0] - 1
            edits.append((end, end, checks.rstrip("\n")))
            if not self._imported("polars"):
                imports = [node for node in self._tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
                below = self._lines[imports[-1].end_lineno or 0]
                edits.append((below, below, "import polars as pl\n"))
        source = self._source
        for start, end, new in sorted(edits, reverse=True):
            source = source[:start] + new.encode() + source[end:]
        return source.decode()

    def _in_field(self, field: ast.AnnAssign, said: Mapping[str, Any]) -> list[_Edit]:
        call = field.value
        if not isinstance(call, ast.Call):
            end = self._end(field.annotation)
            new = ", ".join(_argument(name, value, "    ") for name, value in said.items())
            return [(end, end, f" = {self._imported('pandera.polars') or 'pa'}.Field({new})")]
        given: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
        declared = {one.arg: one.value for one in call.keywords}
        old = {name: declared[name] for name in said if name in declared}
        edits = [(self._start(value), self._end(value), _literal(said[name])) for name, value in old.items()]
        added = {name: value for name, value in said.items() if name not in old}
        if not added:
            return edits
        if given and call.lineno != call.end_lineno:
            return [*edits, *self._below(given[-1], call, added)]
        pieces = [
            self._source[self._start(one) : self._end(one)].decode() for one in given if getattr(one, "arg", None) not in said
        ]
        start, end = self._source.index(b"(", self._end(call.func)) + 1, self._end(call) - 1
        line = ", ".join([*pieces, *(_argument(*one, "") for one in said.items())])
        if field.col_offset + start - self._start(field) + len(line) < LONGEST and "\n" not in line:
            return [(start, end, line)]
        lines = [*pieces, *(_argument(*one, "        ") for one in said.items())]
        return [(start, end, "".join(f"\n        {one}," for one in lines) + "\n    ")]

    def _below(self, last: ast.expr | ast.keyword, call: ast.Call, added: Mapping[str, Any]) -> list[_Edit]:
        """More arguments, each in a line of its own; what is remarked on the one above stays beside that."""
        lines = [f"\n        {_argument(*one, '        ')}" for one in added.items()]
        end = self._end(last)
        if last.end_lineno == call.end_lineno:
            return [(end, end, "".join(f",{line}" for line in lines))]
        line_end = self._source.index(b"\n", end)
        rest = self._source[end:line_end].decode()
        comma = "" if rest.lstrip().startswith(",") else ","
        return [(end, line_end, comma + rest + "".join(f"{line}," for line in lines))]

    def _check(self, one: Suggestion) -> str:
        left, right = one.columns
        sentence = text(f"{left} {'equals' if one.compares == '==' else 'is at most'} {right}")
        pa, pl = self._imported("pandera.polars") or "pa", self._imported("polars") or "pl"
        condition = f"{pl}.col({text(left)}) {one.compares} {pl}.col({text(right)})"
        return (
            f"\n\n    @{pa}.dataframe_check\n    def {one.rule}(cls, data: {pa}.PolarsData) -> {pl}.LazyFrame:\n"
            f'        ""{sentence}""\n        return data.lazyframe.select({condition})'
        )

    def _imported(self, module: str) -> str:
        """The name under which a module is imported; empty if it is not."""
        names = (alias for node in self._tree.body if isinstance(node, ast.Import) for alias in node.names)
        return next((alias.asname or alias.name for alias in names if alias.name == module), "")

    def _start(self, node: ast.expr | ast.keyword | ast.stmt) -> int:
        return self._lines[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr | ast.keyword) -> int:
        return self._lines[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)


def _column(node: ast.AnnAssign) -> str:
    """The column of a field: its alias, if it has one."""
    keywords = node.value.keywords if isinstance(node.value, ast.Call) else []
    aliases = (one.value.value for one in keywords if one.arg == "alias" and isinstance(one.value, ast.Constant))
    return str(next(aliases, node.target.id if isinstance(node.target, ast.Name) else ""))


def _argument(name: str, value: Any, indent: str) -> str:
    line = f"{name}={_literal(value)}"
    if len(indent) + len(line) <= LONGEST or not isinstance(value, list):
        return line
    return "\n".join([f"{name}=[", *(f"{indent}    {_literal(one)}," for one in value), f"{indent}]"])


def _literal(value: Any) -> str:
    if isinstance(value, str):
        # A raw text is read easier, but cannot end in a backslash, nor hold the end of a line.
        raw = "\\" in value and '"' not in value and value.isprintable() and not value.endswith("\\")
        return f'r"{value}"' if raw else text(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text(name)}: {_literal(one)}" for name, one in value.items()) + "}"
    return repr(value)


def _with_examples(before: str, reject: Mapping[str, Any]) -> str:
    """`examples.yaml` with more changes that must be rejected."""
    if not reject:
        return before
    node = yaml.compose(before, Loader=yaml.SafeLoader)
    entries = node.value if isinstance(node, yaml.MappingNode) else []
    key, lies = next(((key, value) for key, value in entries if key.value == "reject"), (None, None))
    lines = examples_of(reject)
    block = "\n".join(["reject:", *(f"  {line}" for line in lines)])
    if key is None or lies is None:
        return f"{before.rstrip()}\n{block}\n"
    if not isinstance(lies, yaml.MappingNode) or not lies.value:
        return before[: key.start_mark.index] + block + before[lies.end_mark.index :]
    if lies.flow_style:
        end = lies.value[-1][1].end_mark.index
        return before[:end] + "".join(f", {line}" for line in lines) + before[end:]
    indent = " " * lies.value[0][0].start_mark.column
    end = len(before[: lies.end_mark.index].rstrip())  # a block ends where the next thing begins
    return before[:end] + "".join(f"\n{indent}{line}" for line in lines) + (before[end:] or "\n")


def _read(path: Path) -> str:
    return path.read_bytes().decode() if path.exists() else ""


def _diff(name: str, before: str, after: str) -> str:
    # By what git takes for a line: a text knows more ends of one than bytes do.
    old, new = ([line.decode() for line in said.encode().splitlines(keepends=True)] for said in (before, after))
    found = difflib.unified_diff(old, new, f"a/{name}", f"b/{name}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found)
