"""What is written in infra/ and no plan would show is refused: `infra/written.py`."""

import shutil
import subprocess
from pathlib import Path

import pytest

from dataops_assets_tests.checkout import PROJECT
from dataops_assets_tests.infra.terraform import ENVIRONMENTS, INFRA
from infra import planning, written

RUNS = '  from = aws_vpc.x\n  provisioner "local-exec" {\n    when    = destroy\n    command = "true"\n  }\n}\n'
BLOCK = "region              = var.region\n  allowed_account_ids = [var.accounts[var.environment]]\n"


def test_what_is_committed_is_planned(tmp_path: Path) -> None:
    written.copy(INFRA, tmp_path)
    copied = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    told = subprocess.run(["git", "ls-files", *written.FOLDERS], cwd=INFRA, capture_output=True, text=True, check=False)
    if told.returncode:
        pytest.skip("needs git, and a clone")
    assert set(told.stdout.splitlines()) <= copied, "it is committed and not planned: what Terraform leaves is not for git"
    for path in (PROJECT / "infra/github").glob("*.tf"):
        written.code(path, path.name)


@pytest.mark.parametrize(
    "name",
    [
        ".terraform/modules/modules.json",
        ".terraform.lock.hcl",
        "terraform.tfstate",
        "terraform.tfstate.backup",
        "terraform.tfstate.1764000000.backup",
        ".terraform.tfstate.lock.info",
        "dev.tfplan",
    ],
)
def test_what_terraform_leaves_is_not_copied(tmp_path: Path, name: str) -> None:
    path = tmp_path / "infra/environments/dev" / name
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    written.copy(tmp_path / "infra", tmp_path / "copy")
    assert [found for found in (tmp_path / "copy").rglob("*") if found.is_file()] == []


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("more.tfstate.tf", r"dev/more\.tfstate\.tf: it is not known what this tells Terraform"),
        ("main.tf.json", r"dev/main\.tf\.json: it is not known"),
        ("main.tofu", r"dev/main\.tofu: it is not known"),
        ("more.auto.tfvars", r"dev/more\.auto\.tfvars: it is not known"),
        ("override.tf", r"dev/override\.tf: what it overrides is planned as if it were not there"),
        ("render_override.tf", r"dev/render_override\.tf: what it overrides"),
        ("x_override.tf.json", r"dev/x_override\.tf\.json: what it overrides"),
    ],
)
def test_a_file_that_is_read_otherwise_is_refused(tmp_path: Path, name: str, refused: str) -> None:
    path = tmp_path / "infra/environments/dev" / name
    path.parent.mkdir(parents=True)
    path.write_text("")
    with pytest.raises(written.NotRendered, match=refused):
        written.copy(tmp_path / "infra", tmp_path / "copy")


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ("removed {\n" + RUNS, r"x\.tf:1: `removed`: what its provisioners run"),
        ("\n  /* # */ removed /* { */ {\n" + RUNS, r"x\.tf:2: `removed`"),
        ('import {\n  to = aws_kms_key.x\n  id = "1"\n}\n', "`import`: what it takes over"),
        ('check "x" {\n  data "http" "x" {\n    url = "https://example.com"\n  }\n}\n', "`check`"),
        ('action aws_lambda_invoke "x" {\n}\n', "`action`"),
        ('ephemeral "aws_secretsmanager_secret_version" "x" {\n}\n', "`ephemeral`"),
        ("terraform {\n  cloud {\n  }\n}\n", "`cloud`: states lie in the bucket"),
        ('terraform {\n  backend "http" {}\n}\n', "it says who acts, and where"),
        ('terraform {\n  backend "s3" {\n    bucket = "elsewhere"\n  }\n}\n', "it says who acts, and where"),
        ('locals {\n  x = fileexists("render_override.tf")\n}\n', "by `fileexists` it could be planned otherwise"),
        ('locals {\n  x = "${abspath (".")}"\n}\n', "by `abspath`"),
        ("locals {\n  x = plantimestamp()\n}\n", "by `plantimestamp`"),
        ("locals {\n  x = path /* */ .root\n}\n", r"by `path /\* \*/ \.root`"),
        ("locals {\n  x = terraform.workspace\n}\n", r"by `terraform\.workspace`"),
        ('resource "aws_s3_bucket" "x" {\n  dynamic "logging" {\n  }\n}\n', "a dynamic `logging` stands in no plan"),
        ('resource "aws_iam_role" "x" {\n  lifecycle {\n    ignore_changes = all\n  }\n}\n', "by `ignore_changes` AWS is not"),
        ('provider "aws" {\n  region = var.region\n}\n', r"x\.tf:1: it says who acts"),
        (f'provider aws {{\n  {BLOCK}  assume_role {{\n    role_arn = "x"\n  }}\n}}\n', "it says who acts"),
        (f'provider "aws" {{\n  {BLOCK}  endpoints {{\n    s3 = "https://example.com"\n  }}\n}}\n', "it says who acts"),
        (f'provider "aws" {{\n  profile = "x"\n  {BLOCK}}}\n', "it says who acts"),
        (f'provider "aws" {{\n  alias = "x"\n  {BLOCK}}}\n', "it says who acts"),
        (f'provider "aws" {{\n  {BLOCK}  default_tags {{\n    tags = {{ person = "x" }}\n  }}\n}}\n', "it says who acts"),
    ],
)
def test_what_no_plan_shows_is_refused_with_its_line(tmp_path: Path, said: str, refused: str) -> None:
    path = tmp_path / "infra/modules/x/x.tf"
    path.parent.mkdir(parents=True)
    path.write_text(said)
    with pytest.raises(written.NotRendered, match=refused):
        written.copy(tmp_path / "infra", tmp_path / "copy")


def test_what_a_plan_shows_is_let_be(tmp_path: Path) -> None:
    path = tmp_path / "x.tf"
    moved = "moved {\n  from = aws_vpc.a\n  to   = aws_vpc.b\n}\n"
    path.write_text(f'{moved}provider "aws" {{\n  {BLOCK}}}\nlocals {{\n  imports = {{ removed = "{{", action = {{}} }}\n}}\n')
    written.code(path, path.name)


@pytest.mark.parametrize("link", ["more.tf", "more"])
def test_what_a_link_leads_to_is_looked_at(tmp_path: Path, link: str) -> None:
    there, root = tmp_path / "there", tmp_path / "infra/environments/dev"
    there.mkdir()
    root.mkdir(parents=True)
    (there / "more.tf").write_text("removed {\n" + RUNS)
    (root / link).symlink_to(there / "more.tf" if link == "more.tf" else there)
    with pytest.raises(written.NotRendered, match="`removed`"):
        written.copy(tmp_path / "infra", tmp_path / "copy")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_plan_is_made_of_what_was_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: str) -> None:
    """Without Terraform being started: what is refused is refused before."""
    monkeypatch.setenv("PATH", "")
    for name in written.FOLDERS:
        shutil.copytree(INFRA / name, tmp_path / name, ignore=written.left_by_terraform)
    (tmp_path / "environments" / environment / "more.tfstate.tf").write_text('resource "aws_vpc" "x" {}\n')
    with pytest.raises(written.NotRendered, match=r"more\.tfstate\.tf"):
        planning.plan(environment, tmp_path)
