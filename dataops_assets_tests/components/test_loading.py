"""A folder of components as our code location loads it, and as Dagster's `load_from_defs_folder` does."""

import contextlib
import gc
import importlib
import subprocess
import sys
from itertools import count
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest

import dataops_assets.defs
from dataops_assets.cli.main import main
from dataops_assets.components.dagster_private import keep_declarations
from dataops_assets.components.loading import load_components, undisturbed
from dataops_assets_tests.checkout import PROJECT

PROJECT_OF_SOMEBODY = """
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "{name}"
"""
SCRIPT = """
type: dagster.PythonScriptComponent
attributes:
  execution: {name: script, path: script.py}
  assets: [{key: scripted}]
"""
BY_HAND = "import dagster as dg\n\n\n@dg.asset\ndef by_hand() -> None: ...\n"
RESOURCES = dg.Definitions(resources={"lake": dg.ResourceDefinition.none_resource()})
_NUMBERS = count()


@pytest.fixture
def somebody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The folder of a project with a component of Dagster's, and an asset written by hand, two folders deep."""
    name = f"of_somebody_{next(_NUMBERS)}"
    (tmp_path / "pyproject.toml").write_text(PROJECT_OF_SOMEBODY.format(name=name))
    for file, text in {"script/defs.yaml": SCRIPT, "more/below/by_hand.py": BY_HAND, "__init__.py": ""}.items():
        path = tmp_path / name / "defs" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return importlib.import_module(f"{name}.defs")


def folder(module: ModuleType) -> Path:
    return Path(module.__path__[0])


def by_us(module: ModuleType) -> dg.Definitions:
    return dg.Definitions.merge(load_components(module), RESOURCES)


def by_dagster(module: ModuleType) -> dg.Definitions:
    loaded = dg.load_from_defs_folder(path_within_project=folder(module).parent)
    return dg.Definitions.merge(loaded, RESOURCES)


def said(defs: dg.Definitions) -> dict[str, tuple[object, ...]]:
    """What each asset says, but for the component that it comes from, which is made anew with each load."""
    return {
        spec.key.to_user_string(): (
            spec.description,
            spec.owners,
            spec.tags,
            spec.code_version,
            {name: value for name, value in spec.metadata.items() if name != "dagster/component_origin"},
        )
        for spec in defs.resolve_all_asset_specs()
    }


def test_what_is_loaded_is_what_dagster_loads(somebody: ModuleType):
    for module, assets in ((dataops_assets.defs, {"raw/flights", "staged/flights"}), (somebody, {"scripted", "by_hand"})):
        ours = said(by_us(module))
        assert assets <= ours.keys()
        assert ours == said(by_dagster(module))


def test_the_tree_of_components_comes_with_it(somebody: ModuleType):
    for module in (dataops_assets.defs, somebody):
        ours, dagsters = (load(module).get_repository_def().get_component_tree() for load in (by_us, by_dagster))
        drawn = [tree.to_string_representation(include_load_and_build_status=True) for tree in (ours, dagsters)]
        assert drawn[0] == drawn[1]
        assert "defs.yaml" in drawn[0]
        assert ours.project_root == dagsters.project_root


@pytest.mark.parametrize("wrong", ["assets: [{key: scripted, owner: [x]}]", "assets: 3", "nothing: here"])
def test_a_mistake_in_a_component_is_told_as_dagster_tells_it(somebody: ModuleType, wrong: str):
    (folder(somebody) / "script/defs.yaml").write_text(SCRIPT.replace("assets: [{key: scripted}]", wrong))
    told = []
    for load in (by_us, by_dagster):
        with pytest.raises(Exception, match=r"defs\.yaml") as found:
            load(somebody)
        told.append([str(found.value), str(found.value.__cause__)])
    assert told[0] == told[1]
    assert "script/defs.yaml" in "".join(told[0])


def test_a_tree_keeps_what_each_component_declares():
    tree = dg.ComponentTree.from_module(dataops_assets.defs, PROJECT)
    keep_declarations(tree)
    folder, *components = list(tree.find_root_decl().decls[0].iterate_loc_component_decl_pairs())
    assert len(components) > 20
    for place, declared in (folder, *components):
        assert tree.state_tracker.get_cache_data(place).component_decl is declared


@pytest.fixture
def collecting():
    assert gc.isenabled()
    gc.unfreeze()
    yield
    gc.freeze()
    gc.enable()


@pytest.mark.usefixtures("collecting")
def test_garbage_is_collected_again_once_all_is_loaded_but_not_among_what_was():
    with undisturbed():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 100_000
    gc.unfreeze()
    with contextlib.suppress(RuntimeError), undisturbed():
        raise RuntimeError
    assert (gc.isenabled(), gc.get_freeze_count()) == (True, 0), "what was made of it is garbage"


@pytest.mark.usefixtures("collecting")
@pytest.mark.parametrize(("verb", "collects"), [("status", True), ("--help", False)])
def test_a_command_collects_garbage_from_when_its_lake_is_open(verb, collects, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["dataops", verb])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert gc.isenabled() == collects
    assert capsys.readouterr().out


LOOKS_WHILE_IMPORTING = """
import gc, sys
looks = []
def looking(*_):
    looks.append("dagster" in sys.modules and not hasattr(sys.modules["dataops_assets.definitions"], "platform"))
gc.callbacks.append(looking)
import dataops_assets.definitions
print(sum(looks), gc.isenabled(), gc.get_freeze_count() > 100_000)
"""


def test_no_garbage_is_looked_for_while_libraries_are_imported():
    told = subprocess.run([sys.executable, "-c", LOOKS_WHILE_IMPORTING], check=True, capture_output=True, text=True).stdout
    assert told.split() == ["0", "True", "True"]
