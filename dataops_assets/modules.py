"""The Python modules of datasets, with all that they import from `defs/`: what is judged by, and so a part of its version.

Each reading of a folder makes a package of its own, so that a relative import finds what lies in that folder now, be it of
another commit, or edited since the last reading. Everything else that is imported must be a library, which has a version of its
own: a change in any other module would be seen by nobody.

Not here: what a schema or a transformation must be (`catalog`), and what is not the same whenever it is asked
(`contract.repeatable`).
"""

import ast
import difflib
import importlib.util
import os
import re
import sys
import weakref
from collections.abc import Callable, Iterator
from inspect import signature
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pandera.polars as pa
from pandera.errors import SchemaInitError

from dataops_assets.contract import ContractError, Problem
from dataops_assets.contract.errors import choose
from dataops_assets.contract.repeatable import in_python

_READINGS = count(1)
_NO_CHECK = re.compile("custom check '(.*?)' is not available")
_TWICE = re.compile(r".*\bCheck\.\w+\(\) got multiple values for keyword argument '(\w+)'")
_USUAL = {"pa": "import pandera.polars as pa", "pl": "import polars as pl"}
"""As what libraries are known in a `schema.py` or a `transform.py`."""
_LIBRARIES = {"site-packages", "dist-packages"}


class Modules:
    """The modules below one folder, as they are while it is read.

    Args:
        defs: The folder that holds `policy.yaml`.
    """

    def __init__(self, defs: Path):
        self._defs, self._package = defs, f"_defs_{next(_READINGS)}"
        self._nodes: dict[Path, list[ast.AST]] = {}
        self.forget = weakref.finalize(self, _forget, self._package)
        for place in list(sys.path_importer_cache):  # another thread may add to it
            if place == str(defs) or place.startswith(f"{defs}{os.sep}"):
                sys.path_importer_cache.pop(place, None)  # it need not know what was written since

    def load(self, path: Path) -> ModuleType:
        """Import a module.

        Raises:
            ContractError: It raises.
        """
        name = f"{self._package_of(path.parent)}.{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        # Whatever a user's module raises is told with its file and line.
        except (Exception, SystemExit) as error:
            shared = Path(error.filename or "") if isinstance(error, SyntaxError) else path
            where = shared if shared.is_relative_to(self._defs) else path
            raise ContractError([self._problem(where, _line_in(where, error), *_told_and_mended(error))]) from error
        return module

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function of one of the modules; whoever holds this holds what it may import."""
        return function(*args, **kwargs)

    def all_read(self) -> None:
        """Let go of the syntax trees, which are larger than the modules."""
        self._nodes.clear()

    def said(self, path: Path) -> dict[Path, str]:
        """What a module says, and every one of `defs/` that it imports, without comments and layout.

        Raises:
            ContractError: One of them cannot be parsed.
        """
        return {one: self._said(one) for one in self._followed(path)}

    def problems(self, path: Path) -> Iterator[Problem]:
        """What a module that judges or makes data, and what it imports, may not do.

        Raises:
            ContractError: One of them cannot be parsed.
        """
        for one in self._followed(path):
            nodes = self._parsed(one)
            asked, unseen = in_python(nodes)
            for line, name in asked:
                message = f"asks for `{name}`, which is not the same whenever it is asked"
                remedy = "judge and make rows by what they hold, so that the same rows give the same; `fetch.py` may ask"
                yield self._problem(one, line, message, remedy)
            for line, name in unseen:
                message = f"`{name}` runs code that the version of the dataset does not know of"
                yield self._problem(one, line, message, "import it by its name")
            for line, name in _imported(nodes):
                if not _is_library(name.partition(".")[0]):
                    message = f"imports `{name}`, which is neither in defs/ nor a library: nobody would see that it has changed"
                    remedy = f"move it below defs/, and write `from ..{name.rpartition('.')[2]} import …`"
                    yield self._problem(one, line, message, f"{remedy}; or install it as a library, not as editable")

    def _package_of(self, folder: Path) -> str:
        """The package that a folder is, and those above it."""
        name, place = self._package, self._defs
        for part in ("", *folder.relative_to(self._defs).parts):
            name, place = (f"{name}.{part}", place / part) if part else (name, place)
            if name not in sys.modules:
                package = ModuleType(name)
                package.__path__ = [str(place)]
                sys.modules[name] = package
        return name

    def _followed(self, path: Path) -> list[Path]:
        """A module, and every one of the folder that it imports, however indirectly."""
        found, waiting = dict[Path, None](), [path]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found[one] = None
                waiting += _beside(one, self._parsed(one))
        return list(found)

    def _parsed(self, path: Path) -> list[ast.AST]:
        """The nodes of a module, itself first."""
        if path not in self._nodes:
            try:
                self._nodes[path] = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"), path.name)))
            except UnicodeDecodeError as error:
                line, what = error.object[: error.start].count(b"\n") + 1, f"is not UTF-8 ({error.reason})"
                raise ContractError([self._problem(path, line, what, "save it as UTF-8 text")]) from error
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # the last two: nested too deep
                raise ContractError([self._problem(path, _line_in(path, error), _told(error), "mend the module")]) from error
        return self._nodes[path]

    def _said(self, path: Path) -> str:
        try:
            return ast.unparse(self._parsed(path)[0])
        except (RecursionError, MemoryError) as error:
            raise ContractError([self._problem(path, _line_in(path, error), _told(error), "mend the module")]) from error

    def _problem(self, path: Path, line: int, message: str, remedy: str) -> Problem:
        return Problem(os.path.relpath(path, self._defs.parent), line, message, remedy)


def _forget(package: str) -> None:
    """Let go of what was imported."""
    for name in list(sys.modules):
        if name.partition(".")[0] == package:
            sys.modules.pop(name, None)


def _beside(path: Path, module: list[ast.AST]) -> Iterator[Path]:
    """The files that the relative imports of a module lead to."""
    for node in module:
        if isinstance(node, ast.ImportFrom) and node.level:
            place, parts = path.parents[min(node.level, len(path.parents)) - 1], (node.module or "").split(".")
            places = [place := place / part for part in parts if part] or [place]
            names = [places[-1] / one.name for one in node.names if one.name != "*"]
            for one in (*places, *names):
                yield from (file for file in (one.with_name(f"{one.name}.py"), one / "__init__.py") if file.is_file())


def _imported(module: list[ast.AST]) -> Iterator[tuple[int, str]]:
    for node in module:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, one.name) for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module


def _is_library(name: str) -> bool:
    """Whether a module comes with Python, or was installed; one that is nowhere fails by itself, or is not needed."""
    if name in sys.stdlib_module_names:
        return True
    if name == __package__:
        return False
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # it has not come from a file
        return False
    places = [*(spec.submodule_search_locations or ()), spec.origin or ""] if spec else []
    return not spec or any(_LIBRARIES & set(Path(place).parts) for place in places)


def _told_and_mended(error: BaseException) -> tuple[str, str]:
    # pandera takes an argument that it does not know for the name of a check.
    if isinstance(error, SchemaInitError) and (found := _NO_CHECK.match(str(error))):
        known = [name for name, one in signature(pa.Field).parameters.items() if one.kind != one.VAR_KEYWORD]
        return f"`pa.Field` has no argument `{found[1]}`", choose(found[1], known)
    # pandera hands each check those of its own arguments that are about checks.
    if isinstance(error, TypeError) and (found := _TWICE.match(str(error))) and found[1] in signature(pa.Field).parameters:
        message = f"`{found[1]}` stands within a check, but is an argument of `pa.Field`, for all its checks"
        return message, f"write it beside the check: `pa.Field(…, {found[1]}=…)`"
    return _told(error), _mended(error)


def _mended(error: BaseException) -> str:
    if isinstance(error, NameError) and error.name in _USUAL:
        return f"write `{_USUAL[error.name]}` at the top"
    if isinstance(error, AttributeError) and isinstance(error.obj, ModuleType):
        if error.obj.__name__ in ("pandera", "pandera.pandas"):
            return f"write `{_USUAL['pa']}`"
        if near := difflib.get_close_matches(error.name or "", dir(error.obj), 1):
            return f"did you mean `{near[0]}`?"
    package = sys.modules.get(error.name or "") if isinstance(error, ImportError) else None
    places = getattr(package, "__path__", ())
    asked = not getattr(package, "__spec__", None) and any((Path(place) / "__init__.py").exists() for place in places)
    return "put it in a module of its own, not in __init__.py, and import it from there" if asked else "mend the module"


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _line_in(path: Path, error: BaseException) -> int:
    if isinstance(error, SyntaxError) and Path(error.filename or path).name == path.name:
        return error.lineno or 1
    lines = []
    trace = error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == str(path):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return lines[-1] if lines else 1
