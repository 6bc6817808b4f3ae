"""What is not the same whenever it is asked: with it in a rule, a verdict would change while its grounds stay.

Here: how a condition in SQL and a module in Python ask for it. Not here: who refuses them (`corrections`, `modules`).
"""

import ast
import re
from collections.abc import Sequence

_SQL = ("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "now", "random", "row_number")
_PYTHON = (
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "getpass",
    "numpy.random",
    "os.environ",
    "os.getenv",
    "os.getpid",
    "os.urandom",
    "platform",
    "random",
    "secrets",
    "socket",
    "time",
    "uuid.uuid1",
    "uuid.uuid4",
)
_METHODS = ("now", "today", "utcnow")
_UNLESS_SEEDED = ("sample", "shuffle")
_BUILTINS = ("hash", "input")
_UNSEEN = ("__import__", "eval", "exec", "importlib", "runpy")
_ASKED = {name.partition(".")[0] for name in (*_PYTHON, *_BUILTINS, *_UNSEEN)}


def in_sql(condition: str) -> str:
    """What a condition asks for that is told by neither the row nor its columns; empty if nothing is."""
    words = re.findall(r"[a-z_]+", re.sub("'[^']*'", "", condition.lower()))
    return next((word for word in words if word in _SQL), "")


def in_python(module: Sequence[ast.AST]) -> list[tuple[int, str]]:
    """What the nodes of a module ask for that is not the same whenever it is asked, each with its line."""
    called, found = _names(module), set[tuple[int, str]]()
    for node in module:
        if isinstance(node, ast.Call):
            name, seeded = _dotted(node.func, called) or _method(node), any(word.arg == "seed" for word in node.keywords)
            within, _, last = name.rpartition(".")
            asked = within and (last in _METHODS or (last in _UNLESS_SEEDED and not seeded))
            if name in _BUILTINS or (asked and not _among(_PYTHON, name)):
                found.add((node.lineno, name))
        elif name := _among(_PYTHON, _everything_of(node) or _dotted(node, called)):
            found.add((node.lineno, name))  # type: ignore[attr-defined]
    return sorted(found)


def unseen_in_python(module: Sequence[ast.AST]) -> list[tuple[int, str]]:
    """How the nodes of a module run code that nobody sees by reading it, each with its line."""
    called = _names(module)
    nodes = (node for node in module if isinstance(node, ast.Name | ast.Attribute))
    return sorted({(node.lineno, name) for node in nodes if (name := _among(_UNSEEN, _dotted(node, called)))})


def _among(names: tuple[str, ...], name: str) -> str:
    """The one that a name is, or is a part of; empty if there is none."""
    return name and next((one for one in names if name == one or name.startswith(f"{one}.")), "")


def _names(module: Sequence[ast.AST]) -> dict[str, str]:
    """What the names of a module stand for, as far as anything is asked of it."""
    found = {name: name for name in (*_BUILTINS, *_UNSEEN)}
    for node in module:
        if isinstance(node, ast.Import):
            for one in node.names:
                found[one.asname or one.name.partition(".")[0]] = one.name if one.asname else one.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            every = {
                one.removeprefix(f"{node.module}.").partition(".")[0] for one in _PYTHON if one.startswith(f"{node.module}.")
            }
            names = [(name, name) for name in every] if node.names[0].name == "*" else [(n.name, n.asname) for n in node.names]
            found |= {name or said: f"{node.module}.{said}" for said, name in names}
    return {name: stands for name, stands in found.items() if stands.partition(".")[0] in _ASKED}


def _dotted(node: ast.AST, called: dict[str, str]) -> str:
    """The whole name of what an expression stands for; empty if it is none that was imported."""
    if isinstance(node, ast.Name):
        return called.get(node.id, "")
    within = _dotted(node.value, called) if isinstance(node, ast.Attribute) else ""
    return f"{within}.{node.attr}" if within and isinstance(node, ast.Attribute) else ""


def _everything_of(node: ast.AST) -> str:
    """The module from which all names are imported."""
    return node.module or "" if isinstance(node, ast.ImportFrom) and node.names[0].name == "*" else ""


def _method(call: ast.Call) -> str:
    return f"….{call.func.attr}" if isinstance(call.func, ast.Attribute) else ""
