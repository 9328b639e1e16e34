"""What holds for every rule, and for the files around them."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from spectral_relevance import checkpoint

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "src/spectral_relevance"
RULES = {  # those of the figures have no name of their own
    match["name"] or "figure": match["body"]
    for path in (REPOSITORY / "workflow/rules").glob("*.smk")
    for match in re.finditer(
        r"^(?P<indent> *)rule ?(?P<name>\w*):\n(?P<body>(?:(?P=indent) {4}.*\n|\n)+)",
        path.read_text(encoding="utf-8") + "\n",
        re.MULTILINE,
    )
}


NO_RESULT = {
    "_torchvision.py",  # makes torchvision work
    "figures/__init__.py",  # empty
    "progress.py",  # what is shown meanwhile
}
"""Modules that cannot change a result."""


def snakemake(*arguments, folder):
    return subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--cores", "1"),
            *("--snakefile", str(REPOSITORY / "Snakefile"), *arguments),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_complete(name):
    body = RULES[name]
    assert body.lstrip().startswith('"""'), "no docstring"
    for directive in ("output", "log", "conda", "script"):
        assert f"    {directive}:" in body, f"no {directive}"
    if "localrule: True" not in body:
        for directive in ("benchmark", "threads", "resources"):
            assert f"    {directive}:" in body, f"no {directive}"


def imported(path: Path) -> set[str]:
    """Modules of the package that a file imports, and those that they import."""
    found: set[str] = set()
    todo = [path]
    while todo:
        for node in ast.walk(ast.parse(todo.pop().read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.ImportFrom) and node.module):
                continue
            for name in (node.module, *(f"{node.module}.{a.name}" for a in node.names)):
                package, *parts = name.split(".")
                stem = PACKAGE.joinpath(*parts)
                files = (stem.with_suffix(".py"), stem / "__init__.py")
                for file in files if package == "spectral_relevance" and parts else ():
                    module = str(file.relative_to(PACKAGE))
                    if file.is_file() and module not in found:
                        found.add(module)
                        todo.append(file)
    return found


def test_rules_depend_on_what_their_scripts_import(tmp_path):
    planned = snakemake("--dry-run", "quick", folder=tmp_path).stdout
    seen = set()
    for match in re.finditer(
        r"^(?:local)?rule (\w+):\n {4}input: (.*)$", planned, re.M
    ):
        rule = re.sub("_..$", "", match[1])
        (script,) = re.findall(r"scripts/(\w+\.py)", RULES.get(rule, "")) or [None]
        declared = set(re.findall(r"src/spectral_relevance/(\S+\.py)", match[2]))
        if script is None or not declared:  # targets, downloads
            continue
        seen.add(rule)
        files = (
            REPOSITORY / f"workflow/scripts/{script}",
            *map(PACKAGE.joinpath, declared),
        )
        needed = set().union(*map(imported, files)) - NO_RESULT
        assert needed <= declared, f"{match[1]}: {sorted(needed - declared)}"
    assert seen == RULES.keys() - {"download_mnist", "download_miles"}


def test_the_workflow_lints(tmp_path):
    result = snakemake("--lint", folder=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_configuration_holds_no_machine_facts():
    text = (REPOSITORY / "config/config.yaml").read_text(encoding="utf-8")
    for word in ("cores", "partition", "cuda", "/home", "/tmp"):
        assert word not in text


def test_versions_agree():
    pins = dict(
        line.split("==")
        for line in (REPOSITORY / "requirements.txt")
        .read_text(encoding="utf-8")
        .splitlines()
        if "==" in line
    )
    environment = yaml.safe_load(
        (REPOSITORY / "environment.yml").read_text(encoding="utf-8")
    )
    conda_names = {
        "pytorch": "torch",
        "matplotlib-base": "matplotlib",
        "snakemake-minimal": "snakemake",
    }
    *conda, pip = environment["dependencies"]
    listed = {}
    for entry in [*conda, *pip["pip"]]:
        name, _, version = entry.replace("==", "=").partition("=")
        listed[conda_names.get(name, name)] = version
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    lowered = {name.lower(): version for name, version in pins.items()}
    needed = {re.split("[<>=]", name)[0] for name in project["project"]["dependencies"]}
    assert needed <= set(listed)
    for name, version in listed.items():
        if name not in ("python", "pip"):
            assert lowered[name] == version, name


def test_checkpoints_are_invalidated_by_what_training_depends_on():
    names = set(re.findall(r'"(\w+\.py|\w+/\w+\.py)"', RULES["train"]))
    assert "training.py" in names
    # The data are in the digest of a checkpoint themselves.
    assert set(checkpoint.CODE) == names - {"datasets/base.py"}


def test_nothing_of_the_package_knows_snakemake():
    for path in (REPOSITORY / "src").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(import|from) snakemake", text, re.MULTILINE), path
