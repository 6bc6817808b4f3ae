"""What is not the same whenever it is asked: with it in a rule, a verdict would change while its grounds stay.

Here: how a condition in SQL and a module in Python ask for it. Not here: who refuses them (`corrections`, `modules`).
"""

import ast
import re
from collections.abc import Sequence
from itertools import chain

_SQL = ("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp", "now", "random", "row_number")
_PYTHON = (
    "datetime.date.fromtimestamp",
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "getpass",
    "numpy.random",
    "os.environ",
    "os.getenv",
    "os.getpid",
    "os.popen",
    "os.system",
    "os.urandom",
    "platform",
    "random",
    "requests",
    "secrets",
    "socket",
    "subprocess",
    "sys.argv",
    "time",
    "urllib.request",
    "uuid.uuid1",
    "uuid.uuid4",
)
_METHODS = ("now", "today", "utcnow")
_UNLESS_SEEDED = ("sample", "shuffle")
_DICE = ("numpy.random.RandomState", "numpy.random.default_rng", "random.Random")
_LOCAL = "datetime.datetime.fromtimestamp"
_BUILTINS = ("hash", "input")
_UNSEEN = ("__import__", "eval", "exec", "importlib", "runpy")
_ASKED = {name.partition(".")[0] for name in (*_PYTHON, *_BUILTINS, *_UNSEEN)}


def in_sql(condition: str) -> str:
    """What a condition asks for that is told by neither the row nor its columns; empty if nothing is."""
    words = re.findall(r"[a-z_]+", re.sub("'[^']*'", "", condition.lower()))
    return next((word for word in words if word in _SQL), "")


def in_python(module: Sequence[ast.AST]) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """What the nodes of a module ask for that is not the same whenever it is asked, each with its line.

    Returns:
        That, and how they run code that nobody sees by reading the module.
    """
    own = _own(module)
    called = _names(module, own)
    same = _shadowed(module, called)
    names = (node for node in module if isinstance(node, ast.Name | ast.Attribute) and id(node) not in same)
    unseen = {(node.lineno, name) for node in names if (name := _among(_UNSEEN, _dotted(node, called)))}
    for node in module:
        if isinstance(node, ast.Call) and _dotted(node.func, called) in _DICE and _is_seeded(node, 0):
            same |= {id(part) for part in ast.walk(node.func)}
    found = set[tuple[int, str]]()
    for node in module:
        if id(node) in same:
            continue
        if isinstance(node, ast.Call):
            if id(node.func) not in same and (name := _asked_by(node, called, own)):
                found.add((node.lineno, name))
        elif name := _among(_PYTHON, _everything_of(node) or _dotted(node, called)):
            found.add((node.lineno, name))  # type: ignore[attr-defined]
    return sorted(found), sorted(unseen)


def _asked_by(call: ast.Call, called: dict[str, str], own: set[str]) -> str:
    """What a call asks for, but for what is told of the name that it calls; empty if it is nothing."""
    name = _dotted(call.func, called) or _method(call)
    within, _, last = name.rpartition(".")
    local = name == _LOCAL and len(call.args) < 2 and not any(word.arg == "tz" for word in call.keywords)
    moment = last in _METHODS and _root(call.func) not in own
    dice = last in _UNLESS_SEEDED and not _is_seeded(call, 0 if last == "shuffle" else None)
    asked = within and (local or moment or dice) and not _among(_PYTHON, name)
    return name if name in _BUILTINS or asked else ""


def _is_seeded(call: ast.Call, place: int | None) -> bool:
    """Whether a call is given a seed: by name, or as the argument at a place."""
    seeds = [word.value for word in call.keywords if word.arg in ("seed", "random_state")]
    seeds += call.args[place : place + 1] if place is not None else []
    return any(not (isinstance(seed, ast.Constant) and seed.value is None) for seed in seeds)


def _among(names: tuple[str, ...], name: str) -> str:
    """The one that a name is, or is a part of; empty if there is none."""
    return name and next((one for one in names if name == one or name.startswith(f"{one}.")), "")


def _own(module: Sequence[ast.AST]) -> set[str]:
    """The names that a module gives to what is its own, or of `defs/`; those of columns hold in their class alone."""
    columns, found = set[int](), set[str]()
    for node in module:  # whatever holds a node comes before it
        if isinstance(node, ast.ClassDef):
            columns |= {
                id(part) for one in node.body for part in (one, *getattr(one, "targets", ()), getattr(one, "target", None))
            }
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found |= {node.name} if id(node) not in columns else set()
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in columns:
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.ImportFrom) and node.level:
            found |= {one.asname or one.name for one in node.names}
    return found


def _shadowed(module: Sequence[ast.AST], called: dict[str, str]) -> set[int]:
    """The nodes by which a function means its own argument or variable, whatever is imported by that name."""
    found = set[int]()
    for node in module:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            names = [part for part in ast.walk(node) if isinstance(part, ast.Name) and part.id in called]
            if names:
                said = node.args
                arguments = chain(said.posonlyargs, said.args, said.kwonlyargs, filter(None, (said.vararg, said.kwarg)))
                own = {one.arg for one in arguments} | {one.id for one in names if isinstance(one.ctx, ast.Store)}
                found |= {id(one) for one in names if one.id in own}
    return found


def _names(module: Sequence[ast.AST], own: set[str]) -> dict[str, str]:
    """What the names of a module stand for, as far as anything is asked of it."""
    found = {name: name for name in (*_BUILTINS, *_UNSEEN) if name not in own}
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
        return called.get(node.id, "") if isinstance(node.ctx, ast.Load) else ""
    within = _dotted(node.value, called) if isinstance(node, ast.Attribute) else ""
    return f"{within}.{node.attr}" if within and isinstance(node, ast.Attribute) else ""


def _root(node: ast.AST) -> str:
    """The name with which an expression begins; empty if it begins with none."""
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _everything_of(node: ast.AST) -> str:
    """The module from which all names are imported."""
    return node.module or "" if isinstance(node, ast.ImportFrom) and node.names[0].name == "*" else ""


def _method(call: ast.Call) -> str:
    return f"….{call.func.attr}" if isinstance(call.func, ast.Attribute) else ""
