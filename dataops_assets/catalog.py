"""Reads `defs/` into contracts: the only place that opens the declared files.

A dataset is a folder with a `defs.yaml` whose type is one of ours; `schema.py` and the rest stand beside it.
"""

import difflib
import hashlib
import inspect
import os
import re
from collections.abc import Callable, Container, Iterator
from functools import partial
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeVar

import pandera.polars as pa
from pydantic import BaseModel

from dataops_assets.contract import Catalog, ContractError, Dataset, DerivedAttributes, IngestedAttributes, Policy, Problem
from dataops_assets.contract.correction import CORRECTIONS, Correction, CorrectionAttributes
from dataops_assets.contract.erasure import ERASURES, Erasure, ErasureAttributes
from dataops_assets.contract.errors import choose
from dataops_assets.contract.model import NOT_JUDGED, DatasetAttributes, is_dataset_name
from dataops_assets.contract.parse import Document, parse_yaml, validate
from dataops_assets.contract.schema import Schema
from dataops_assets.contract.unbuilt import unbuilt
from dataops_assets.corrections import correction_problems
from dataops_assets.erasure import erasure_problems
from dataops_assets.gate.problems import rule_problems
from dataops_assets.gate.verdict import digest
from dataops_assets.modules import Modules

_TYPES: dict[str, type[DatasetAttributes]] = {
    "dataops_assets.components.IngestedDataset": IngestedAttributes,
    "dataops_assets.components.DerivedDataset": DerivedAttributes,
}
_Entry = TypeVar("_Entry", bound=BaseModel)
_OURS = "dataops_assets."
_READ_BY_DAGSTER = ("defs.yaml", "defs.yml", "component.yaml")
_NOT_DATA = ("defs.yaml", "examples.yaml", "README.md", CORRECTIONS)
_NEAR = 0.8
DEFS = Path(__file__).parent / "defs"


def load_catalog(defs: Path = DEFS) -> Catalog:
    """Read the policy and every dataset below a folder.

    Args:
        defs: The folder that holds `policy.yaml`.

    Raises:
        ContractError: With every mistake, each with file, line and remedy.
    """
    problems: list[Problem] = []
    policy = written = None
    try:
        written = _read(defs / "policy.yaml", defs)
        policy = validate(Policy, written)
    except ContractError as error:
        problems += error.problems
    erasures: tuple[Erasure, ...] = ()
    try:
        erasures = erasures_of(_read(defs / ERASURES, defs, list)) if (defs / ERASURES).exists() else ()
    except ContractError as error:
        problems += error.problems
    datasets: dict[str, Dataset] = {}
    modules = Modules(defs)
    for file in sorted(path for path in defs.rglob("*.y*ml") if path.name in _READ_BY_DAGSTER and is_declared(path, defs)):
        try:
            dataset = _load_dataset(file, defs, modules)
        except ContractError as error:
            problems += error.problems
            continue
        if dataset is None:
            continue
        if dataset.name in datasets:
            other = datasets[dataset.name].folder
            problems.append(
                dataset.problem((), f"a dataset `{dataset.name}` stands in {other}, too", "rename one of the folders")
            )
        datasets[dataset.name] = dataset
    modules.all_read()
    # Without a policy, or with a dataset missing, every check across datasets would only repeat that.
    if policy is None or written is None or problems:
        modules.forget()
        raise ContractError(problems)
    catalog = Catalog(policy, datasets.values(), written, erasures)
    problems = catalog.problems() + erasure_problems(catalog)
    for dataset in catalog:
        problems += _arguments(dataset, catalog.datasets)
        problems += rule_problems(dataset)
        problems += correction_problems(dataset, policy)
    if problems:
        raise ContractError(problems)
    return catalog


def _read(path: Path, defs: Path, top: type[dict[Any, Any]] | type[list[Any]] = dict) -> Document:
    file = str(path.relative_to(defs.parent))
    try:
        return parse_yaml(_text(path, file), file, top)
    except FileNotFoundError as error:
        raise ContractError([Problem(file, 1, "is missing", f"write {file}")]) from error


def _text(path: Path, file: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ContractError([Problem(file, line, f"is not UTF-8 ({error.reason})", "save it as UTF-8 text")]) from error


def _load_dataset(file: Path, defs: Path, modules: Modules) -> Dataset | None:
    if file.name != "defs.yaml" and not any(_last_of(known) in file.read_text(errors="replace") for known in _TYPES):
        return None  # of somebody else's component
    document = _read(file, defs)
    named = str(document.data.get("type"))
    if "type" not in document.data:
        raise ContractError(
            [document.problem((), "`type` is missing", f"write `type: {next(iter(_TYPES))}`, or remove the file")]
        )
    model = _TYPES.get(named)
    kind = _last_of(named)
    no_module = not named.removesuffix(f".{kind}").replace(".", "").isidentifier() or kind == named
    if model is None and (named.startswith(_OURS) or (no_module and kind in map(_last_of, _TYPES))):
        remedy = choose(f"{_OURS}components.{kind}", _TYPES)
        raise ContractError([document.problem(("type",), f"unknown type `{named}`", remedy)])
    if model is None:
        return None
    if file.name != "defs.yaml":
        message = f"`{file.name}` is not where a dataset is declared"
        raise ContractError([document.problem((), message, "rename it to defs.yaml")])
    folder = str(file.parent.relative_to(defs.parent))
    name = file.parent.name
    if not is_dataset_name(name):
        remedy = "name the folder with small letters, digits and _, a letter first"
        raise ContractError([Problem(document.file, 1, f"`{name}` cannot be the name of a dataset", remedy)])
    if not isinstance(document.data.get("attributes"), dict):
        raise ContractError(
            [document.problem((), "`attributes` is missing", "add `attributes:` with what the dataset promises")]
        )
    attributes_document = document.below(("attributes",))
    attributes = validate(model, attributes_document)
    schema_module = _module(file.parent / "schema.py", folder, modules)
    ingested = isinstance(attributes, IngestedAttributes)
    source = _text(file.parent / "schema.py", f"{folder}/schema.py")
    unused = _unused(file.parent, folder, schema_module, source, ingested)
    if problems := [*_misspelt(schema_module, folder, source, ingested), *unused]:
        raise ContractError(problems)
    schema = _schema(schema_module, "Schema", folder)
    normalise = _normalise(schema_module, folder)
    examples, written = file.parent / "examples.yaml", file.parent / CORRECTIONS
    return Dataset(
        name=name,
        folder=folder,
        attributes=attributes,
        source=attributes_document,
        schema=schema,
        delivered=_schema(schema_module, "Delivered", folder) if hasattr(schema_module, "Delivered") else schema,
        version=_version(file.parent, document, modules),
        normalise=normalise and partial(modules.run, normalise),
        transform=None if ingested else _transform(file.parent, folder, attributes, modules),
        fetch=_fetch(file.parent / "fetch.py", folder, modules) if (file.parent / "fetch.py").exists() else None,
        examples=_read(examples, defs).data if examples.exists() else {},
        corrections=corrections_of(_text(written, f"{folder}/{CORRECTIONS}"), folder) if written.exists() else (),
        modules=modules,
    )


def corrections_of(text: str, folder: str) -> tuple[Correction, ...]:
    """The entries of the `corrections.yaml` in the folder of a dataset.

    Raises:
        ContractError: It is not YAML; or with every mistake in the entries by themselves.
    """
    document = parse_yaml(text, f"{folder}/{CORRECTIONS}", list, written_below=len(("entry", "attribute")))
    return tuple(Correction(said, entry) for said, entry in _entries(CorrectionAttributes, document))


def erasures_of(document: Document) -> tuple[Erasure, ...]:
    """The entries of an `erasures.yaml`.

    Raises:
        ContractError: With every mistake in the entries by themselves.
    """
    return tuple(Erasure(said, entry) for said, entry in _entries(ErasureAttributes, document))


def _entries(model: type[_Entry], document: Document) -> list[tuple[_Entry, Document]]:
    found, problems = [], []
    for entry in document.entries():
        try:
            found.append((validate(model, entry), entry))
        except ContractError as error:
            problems += error.problems
    if problems:
        raise ContractError(problems)
    return found


def _version(folder: Path, document: Document, modules: Modules) -> str:
    """SHA-256 over what the dataset's files say, and the modules that they import; of data beside them, over every byte."""
    attributes = _jsonable(_judged(document.data["attributes"]))
    files: dict[str, Any] = {"defs.yaml": {"type": document.data["type"], "attributes": attributes}}
    declared = [path for path in folder.rglob("*") if is_declared(path, folder)]
    # Another component has a contract of its own.
    below = [path.parent for path in declared if path.name == "defs.yaml" and path.parent != folder]
    for path in declared:
        if any(path.is_relative_to(other) for other in below):
            continue
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".py":
            files |= {Path(os.path.relpath(one, folder)).as_posix(): said for one, said in modules.said(path).items()}
        elif path.name not in _NOT_DATA:
            files[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digest(files)


def _judged(said: Any, below: str = "") -> Any:
    """What attributes say, without those on which nothing depends."""
    if not isinstance(said, dict):
        return said
    judged = {name: value for name, value in said.items() if f"{below}{name}" not in NOT_JUDGED}
    return {name: _judged(value, f"{below}{name}.") for name, value in judged.items()}


def is_declared(path: Path, root: Path) -> bool:
    """Whether a path below a root says something: an editor's backup or lock, and what tools keep in folders, do not."""
    *folders, name = path.relative_to(root).parts
    kept = any(folder.startswith(".") or folder == "__pycache__" for folder in folders)
    return not kept and not name.startswith((".", "#")) and not name.endswith("~") and path.is_file()


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _module(path: Path, folder: str, modules: Modules) -> ModuleType:
    """A file beside a `defs.yaml`, imported; what it is judged or made by asks for nothing that the version does not tell."""
    if not path.exists():
        raise ContractError([Problem(f"{folder}/defs.yaml", 1, f"{path.name} is missing", f"write {folder}/{path.name}")])
    module = modules.load(path)
    if path.name != "fetch.py" and (problems := list(modules.problems(path))):
        raise ContractError(problems)
    return module


def _schema(module: ModuleType, name: str, folder: str) -> Schema:
    found = getattr(module, name, None)
    file = f"{folder}/schema.py"
    if not (inspect.isclass(found) and issubclass(found, pa.DataFrameModel)):
        remedy = f"write `class {name}(pa.DataFrameModel)` with `import pandera.polars as pa`"
        raise ContractError([Problem(file, 1, f"there is no pandera model `{name}`", remedy)])
    schema = Schema(found)
    try:
        _ = schema.columns
    # pandera raises whatever its parts raise when a model cannot be built.
    except Exception as error:
        what = f"the model `{name}` cannot be built: {str(error).strip().partition(chr(10))[0]}"
        line, remedy = unbuilt(found, error)
        here = found.__module__ == module.__name__
        raise ContractError([Problem(file, line if here else 1, what, remedy)]) from error
    return schema


def _last_of(name: str) -> str:
    return name.rpartition(".")[2]


def _misspelt(module: ModuleType, folder: str, source: str, ingested: bool) -> Iterator[Problem]:
    """What is called nearly as what is looked for, where that is not there and nothing uses it: it would be left unused."""
    own = {name: one for name, one in vars(module).items() if getattr(one, "__module__", "") == module.__name__}
    unused = {name for name in own if len(re.findall(rf"\b{re.escape(name)}\b", source)) == 1}
    models = [name for name, one in own.items() if inspect.isclass(one) and issubclass(one, pa.DataFrameModel)]
    functions = [name for name, one in own.items() if inspect.isfunction(one)]
    of_deliveries = (("Delivered", models), ("normalise", functions)) if ingested else ()
    for wanted, names in (("Schema", models), *of_deliveries):
        alike = {name.casefold(): name for name in names if name in unused and not hasattr(module, wanted)}
        for found in difflib.get_close_matches(wanted.casefold(), alike, 1, _NEAR):
            name = alike[found]
            message = f"`{name}` is not used, and there is no `{wanted}`"
            yield Problem(f"{folder}/schema.py", _line_of(name, source), message, f"rename it to `{wanted}`")


def _unused(path: Path, folder: str, schema: ModuleType, source: str, ingested: bool) -> Iterator[Problem]:
    """What only the other kind of dataset has: it would be left unused."""
    made = "delivered" if ingested else "made here, not delivered"
    function = "transform" if ingested else "fetch"
    other = path / f"{function}.py"
    if other.exists() and f"\ndef {function}(" in f"\n{_text(other, f'{folder}/{other.name}')}":
        message = f"`{other.name}` is not used, since the dataset is {made}"
        yield Problem(f"{folder}/{other.name}", 1, message, "remove it, or call its function something else")
    for name in (one for one in ("normalise", "Delivered") if not ingested and hasattr(schema, one)):
        if getattr(getattr(schema, name), "__module__", "") == schema.__name__:
            message = f"`{name}` is not used, since the dataset is {made}"
            remedy = "remove it: `transform` makes the rows as they are published"
            yield Problem(f"{folder}/schema.py", _line_of(name, source), message, remedy)


def _line_of(name: str, source: str) -> int:
    found = re.search(rf"\b{re.escape(name)}\b", source)
    return 1 + source[: found.start() if found else 0].count("\n")


def _normalise(module: ModuleType, folder: str) -> Callable[..., Any] | None:
    found = getattr(module, "normalise", None)
    if found is None:
        return None
    remedy = "write `def normalise(rows: pl.LazyFrame) -> pl.LazyFrame`"
    if not inspect.isfunction(found) or _put_off(found):
        what = "`normalise` is no function that gives rows"
        raise ContractError([Problem(f"{folder}/schema.py", 1, what, remedy)])
    try:
        inspect.signature(found).bind(None)
    except TypeError as error:
        line, what = found.__code__.co_firstlineno, f"`normalise` cannot be called with the rows alone: {error}"
        raise ContractError([Problem(f"{folder}/schema.py", line, what, remedy)]) from error
    return found


def _transform(folder_path: Path, folder: str, attributes: DatasetAttributes, modules: Modules) -> Callable[..., Any]:
    inputs = attributes.inputs if isinstance(attributes, DerivedAttributes) else ()
    written = f"def transform({', '.join(inputs)})"
    transform = _function(folder_path / "transform.py", "transform", written, folder, modules)
    if word := _put_off(transform):
        message, remedy = f"`transform` gives no rows, because of its `{word}`", f"write `{written}`, without `{word}`"
        raise ContractError([Problem(f"{folder}/transform.py", transform.__code__.co_firstlineno, message, remedy)])
    return partial(modules.run, transform)


def _arguments(dataset: Dataset, known: Container[str]) -> Iterator[Problem]:
    """The arguments of `transform` are called as its inputs, once these are right by themselves."""
    inputs = dataset.derived.inputs if dataset.derived else ()
    if not isinstance(dataset.transform, partial) or any(name not in known for name in inputs):
        return
    transform: FunctionType = dataset.transform.args[0]
    arguments = tuple(inspect.signature(transform).parameters)
    if set(arguments) != set(inputs):
        message = f"transform takes {', '.join(arguments) or 'nothing'}, but the inputs are {', '.join(inputs)}"
        remedy = "name its arguments like the inputs, or these like them"
        yield Problem(f"{dataset.folder}/transform.py", transform.__code__.co_firstlineno, message, remedy)


def _fetch(path: Path, folder: str, modules: Modules) -> Callable[..., Any]:
    written = "def fetch(partition: str | None, folder: Path) -> None"
    fetch = _function(path, "fetch", written, folder, modules)
    signature, message, without = inspect.signature(fetch), "", ""
    try:
        signature.bind(None, None)
    except TypeError as error:
        message = f"`fetch` cannot be called with the partition and the folder alone: {error}"
    if [*signature.parameters][:2] == ["folder", "partition"]:
        message = "`fetch` is given the partition first, and then the folder"
    if word := _put_off(fetch):
        message, without = f"`fetch` brings nothing, because of its `{word}`", f", without `{word}`"
    if message:
        line = fetch.__code__.co_firstlineno
        raise ContractError([Problem(f"{folder}/{path.name}", line, message, f"write `{written}`{without}")])
    return partial(modules.run, fetch)


def _put_off(function: FunctionType) -> str:
    """The word by which a function does nothing yet when it is called; empty if it has none."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return "async"
    return "yield" if inspect.isgeneratorfunction(function) else ""


def _function(path: Path, name: str, written: str, folder: str, modules: Modules) -> FunctionType:
    found = getattr(_module(path, folder, modules), name, None)
    if not inspect.isfunction(found):
        raise ContractError([Problem(f"{folder}/{path.name}", 1, f"there is no function `{name}`", f"write `{written}`")])
    return found
