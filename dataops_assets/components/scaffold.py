"""`dg scaffold defs …`: the files of a new dataset, made from a sample or from its inputs.

Here: the options, what is declared, and the proof that it loads and passes, without which no file is left behind. Not here:
what a sample tells (`inference`), and how the files are written (`writing`).
"""

import itertools
import shutil
from abc import abstractmethod
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import click
import dagster as dg
import polars as pl
from pydantic import BaseModel, BeforeValidator, Field

from dataops_assets.catalog import load_catalog
from dataops_assets.components import writing
from dataops_assets.components.inference import InferenceError, Sample, infer
from dataops_assets.components.resource import defs_root
from dataops_assets.contract import Catalog, ContractError, Dataset, Policy
from dataops_assets.contract.duration import parse_duration
from dataops_assets.contract.model import NOT_SAID, is_dataset_name, pattern_of
from dataops_assets.gate.content import judge_delivery
from dataops_assets.gate.examples import failed_examples, good_row
from dataops_assets.gate.functions import CodeError
from dataops_assets.gate.reading import DeliveryError, read_text
from dataops_assets.gate.rules import compile_rules

_DUE, _WHEN_DUE = "1 day", "how long after its end a partition may come before it is late"


class _Refused(Exception):
    """Nothing can be scaffolded. The message says why, and what to do."""


_TOLD = (_Refused, InferenceError, ContractError, DeliveryError, CodeError, OSError, pl.exceptions.PolarsError)


def _split(value: Any) -> Any:
    return [part.strip() for names in ([value] if isinstance(value, str) else value) for part in str(names).split(",")]


Names = Annotated[list[str], BeforeValidator(_split)]


class CommonParams(BaseModel):
    """The options of both kinds."""

    owner: str | None = Field(default=None, description="A team of policy.yaml; needless where there is just one.")
    readers: Names = Field(default=[], description="Reader groups of policy.yaml: parted by commas, or the option repeated.")


class IngestedParams(CommonParams):
    """The options of `dg scaffold defs dataops_assets.components.IngestedDataset <name>`."""

    sample: str = Field(description="A delivered file: .csv, .csv.gz, .csv.zip, .parquet or .ndjson.")
    provider: str | None = Field(default=None, description="Who delivers.")
    lifecycle: str | None = Field(default=None, description="A lifecycle class of policy.yaml; the first, if left out.")
    classification: str | None = Field(default=None, description="One of policy.yaml; the most confidential, if left out.")
    partition_column: str | None = Field(
        default=None, description="A column of dates, moments or months, parted by days or months."
    )
    key: Names = Field(default=[], description="The columns that tell rows apart; inferred, if left out.")


class DerivedParams(CommonParams):
    """The options of `dg scaffold defs dataops_assets.components.DerivedDataset <name>`; readers: those of all inputs."""

    inputs: Names = Field(min_length=1, description="What it is made from: parted by commas, or the option repeated.")


Params = TypeVar("Params", bound=CommonParams)


@dataclass(frozen=True)
class Plan:
    """What is to be written.

    Attributes:
        files: The texts, by file name.
        summary: What they say, and what to do next.
        sample: A delivery that must be published to its last row.
    """

    files: dict[str, str]
    summary: str
    sample: Path | None = None


class _DatasetScaffolder(dg.Scaffolder[Params]):
    """What both kinds share: the files load and pass, or none is left behind."""

    @abstractmethod
    def plan(self, name: str, catalog: Catalog, params: Params) -> Plan:
        """Decide what to write."""

    def scaffold(self, request: dg.ScaffoldRequest[Params]) -> None:
        """Write the files of a dataset into the folder that bears its name.

        Raises:
            click.ClickException: They cannot be made, or would not load and pass.
        """
        folder = request.target_path
        if folder.exists() and any(folder.iterdir()):
            raise click.ClickException(f"nothing was written: {folder} is not empty")
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with ExitStack() as undo:
                # dg makes the folder before it asks: left behind, it would refuse the next try.
                undo.callback(shutil.rmtree, folder)
                if request.scaffold_format != "yaml":
                    raise _Refused("a contract is declared in defs.yaml: leave `--format` out, or say `--format yaml`")
                plan = self._write(folder, request.params)
                undo.pop_all()
        except _TOLD as error:
            told, _, _ = str(error).partition("\n\n")  # below a blank line polars prints its plan
            raise click.ClickException(f"nothing was written: {told}") from error
        click.echo(f"Wrote {', '.join(plan.files)}: {plan.summary}")
        click.echo("The map has a new dataset: draw it with `dataops map`, and commit docs/map.svg with the files")
        click.echo("So has what Terraform is told: write it with `dataops export infra`, and commit infra/ as well")

    def _write(self, folder: Path, params: Params) -> Plan:
        name, defs = folder.name, defs_root(folder)
        catalog = load_catalog(defs)
        if not is_dataset_name(name):
            raise _Refused(f"`{name}` cannot be the name of a dataset: use small letters, digits and _, a letter first")
        if name in catalog.datasets:
            raise _Refused(f"a dataset `{name}` stands in {catalog[name].folder} already: choose another name")
        plan = self.plan(name, catalog, params)
        for file, text in plan.files.items():
            (folder / file).write_text(text, encoding="utf-8")
        failures = _failures(load_catalog(defs)[name], plan.sample)
        if failures:
            raise _Refused("\n".join(["it would not pass", *failures]))
        return plan


def _failures(dataset: Dataset, sample: Path | None) -> list[str]:
    """What the examples and the sample break."""
    failures = failed_examples(dataset)
    if sample and dataset.ingested:
        text = read_text([sample], [sample.name], dataset.ingested.source)
        failures += judge_delivery(dataset, compile_rules(dataset), text, {}, public=False).reasons
    return failures


def _one_of(known: Iterable[str], option: str, given: str | None) -> str:
    """The given name, or the only one there is."""
    names = list(known)
    if given is None and len(names) == 1:
        return names[0]
    if given not in names:
        what = f"--{option} is missing" if given is None else f"--{option}: there is no `{given}`"
        raise _Refused(f"{what}; choose from {', '.join(names)}")
    return given


class IngestedScaffolder(_DatasetScaffolder[IngestedParams]):
    """From a sample to a dataset that publishes it to the last row."""

    @classmethod
    def get_scaffold_params(cls) -> type[IngestedParams]:
        """The options."""
        return IngestedParams

    def plan(self, name: str, catalog: Catalog, params: IngestedParams) -> Plan:
        """Infer the columns, and take from the policy what was not stated."""
        promised, remarks = _from_policy(catalog.policy, params)
        sample = infer(Path(params.sample))
        time = sample.partitions(params.partition_column) if params.partition_column else None
        start = time.key_of(time.start) if time else ""
        keys = [sample.key(params.key)] if params.key else sample.keys()
        # No staged column may be called like the partition that it lies in.
        taken = [name for name in sample.rows.columns if time and name.lower() == time.hive_name]
        renamed = {name: writing.free_name(f"{name}_", sample.rows.columns) for name in taken}
        key = [renamed.get(column, column) for column in keys[0]]
        attributes = {
            "description": f"One row of {sample.file}.",
            **promised,
            "source": _source(sample, params.provider, start),
            "partitions": {
                "every": time.every,
                "start": time.start if time.every == "day" else start,
                "columns": time.columns,
                "timezone": time.timezone if sample.has_moments(time.columns[0]) else None,
            }
            if time
            else None,
            "due": _DUE if time else None,
            "key": key,
        }
        seen = dict.fromkeys(itertools.chain(*sample.null_values.values()))
        remarks |= {
            "description": "better: what one row is",
            "provider": "" if params.provider else "say who delivers",
            "due": _WHEN_DUE,
            "timezone": "whose days these are",
            "null_values": f"seen in {writing.some(seen)}",
            "key": f"as unique in the sample: {writing.some(keys[1:])}" if keys[1:] else "",
        }
        hints = [f"As found in {sample.file}: say what a column means, with its unit, and what must hold (ge=, isin=, …)."]
        hints += [f"Once there is a history, `dataops suggest {name}` tells what held in it."]
        if sample.left_out:
            hints.append(f"Left out, because no rule can judge them: {writing.some(sample.left_out)}.")
        fields = {
            renamed.get(column, column): writing.Field(dtype, writing.in_words(column), sample.nullable(column))
            for column, dtype in sample.rows.schema.items()
        }
        reject = {}
        for old, new in renamed.items():
            # The examples of these rules are not made by the gate: it does not know that the column has another name outside.
            if not fields[new].nullable:
                reject[f"{new}.not_null"] = {old: None}
            if {new} == fields.keys() - set(key):
                reject["key.unique"] = {old: None}
        remark = f"A row of {sample.file}: change what is not for everyone who reads this repository."
        files = {
            "defs.yaml": writing.defs_yaml("IngestedDataset", attributes, remarks),
            "schema.py": writing.schema_py(name, fields, hints, {new: old for old, new in renamed.items()}),
            "examples.yaml": writing.examples_yaml(remark, sample.good, reject),
        }
        columns = f"{len(fields)} column{'s' * (len(fields) != 1)}"
        columns += f" (left out: {writing.some(sample.left_out)})" if sample.left_out else ""
        height = sample.rows.height
        passed = f"the row of {sample.file} passes" if height == 1 else f"all {height} rows of {sample.file} pass"
        found = f"{columns}, key {writing.flow(key)}; {passed}"
        if time and (parts := sample.parts(time.columns[0])) > 1:
            found += f"; they are of {parts} {time.every}s, each of which is to come by itself"
        return Plan(files, f"{found}. Next: say more in them, and deliver into landing/{name}/", Path(params.sample))


def _from_policy(policy: Policy, params: IngestedParams) -> tuple[dict[str, Any], dict[str, str]]:
    """What refers to the policy, and remarks on what was not stated."""
    lifecycles, ranks = [*policy.lifecycles], [*policy.classifications]
    promised = {
        "owner": _one_of(policy.owners, "owner", params.owner),
        "readers": [_one_of(policy.readers, "readers", reader) for reader in params.readers or (None,)],
        "lifecycle": _one_of(lifecycles, "lifecycle", params.lifecycle or lifecycles[0]),
        # Too open is the dangerous mistake.
        "classification": _one_of(ranks, "classification", params.classification or ranks[-1]),
    }
    remarks = {
        "lifecycle": "" if params.lifecycle or not lifecycles[1:] else "the first, as none was stated",
        "classification": "" if params.classification or not ranks[1:] else "the strictest, as none was stated",
    }
    return promised, remarks


def _source(sample: Sample, provider: str | None, start: str) -> dict[str, Any]:
    files = pattern_of(sample.file)
    if start:
        files = files.replace(start, "{partition}") if start in files else f"{{partition}}/{files}"
    return {
        "provider": provider or NOT_SAID,
        "files": files,
        # Without any, the empty text means "no value".
        "null_values": [*sample.null_values] if set(sample.null_values) - {""} else None,
        "separator": sample.separator if sample.separator not in ("", ",") else None,
    }


class DerivedScaffolder(_DatasetScaffolder[DerivedParams]):
    """From the names of its inputs to a dataset that holds each key of the first one."""

    @classmethod
    def get_scaffold_params(cls) -> type[DerivedParams]:
        """The options."""
        return DerivedParams

    def plan(self, name: str, catalog: Catalog, params: DerivedParams) -> Plan:
        """Take from the inputs what the contracts do not let it loosen."""
        policy = catalog.policy
        inputs = [catalog[_one_of(catalog.datasets, "inputs", given)] for given in params.inputs]
        first = inputs[0]
        common = [reader for reader in first.attributes.readers if all(reader in one.attributes.readers for one in inputs)]
        good = good_row(first)
        if not good:
            raise _Refused(f"{first.folder}/examples.yaml has no good row that passes, of which the new example is made")
        known = [first.schema.columns[column] for column in first.attributes.key]
        fields = {
            column.name: writing.Field(column.dtype, column.description or writing.in_words(column.name)) for column in known
        }
        time = first.partitions
        dues = [one.attributes.due or parse_duration(_DUE) for one in inputs if one.partitions]
        attributes = {
            "description": f"One row of {name}.",
            "owner": _one_of(policy.owners, "owner", params.owner),
            "readers": [_one_of(policy.readers, "readers", reader) for reader in params.readers or common or (None,)],
            "lifecycle": first.attributes.lifecycle.name,
            "classification": max((one.attributes.classification for one in inputs), key=policy.rank),
            "inputs": params.inputs,
            "key": [*fields],
            "partitions": time.model_dump(include={"every", "start", "end", "timezone"}, exclude_defaults=True)
            if time
            else None,
            "due": max(dues, key=lambda due: due.length).text if time else None,
        }
        remarks = {"description": "better: what one row is", "due": _WHEN_DUE}
        remark = f"A key of {first.name}: write here what a row really is."
        files = {
            "defs.yaml": writing.defs_yaml("DerivedDataset", attributes, remarks),
            "schema.py": writing.schema_py(
                name, fields, [f"The key of {first.name}: add what transform.py makes, and what must hold of it."]
            ),
            "transform.py": writing.transform_py(name, params.inputs, fields),
            "examples.yaml": writing.examples_yaml(remark, {column: good[column] for column in fields}, {}),
        }
        return Plan(files, f"each key of {first.name}, once. Next: say in transform.py what it should be")
