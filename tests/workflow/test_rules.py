"""What holds for every rule, and for the files around them."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

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


def test_every_rule_depends_on_the_code_of_its_script():
    for name, body in RULES.items():
        (script,) = re.findall(r"scripts/(\w+\.py)", body)
        if not name.startswith("download_"):
            assert re.search(rf'code\(\s*"{script}"', body), name


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
    extras = project["project"]["optional-dependencies"].values()
    wanted = [
        *project["project"]["dependencies"],
        *(n for part in extras for n in part),
    ]
    needed = {re.split(r"[<>=\[]", name)[0] for name in wanted} - {"spectral-relevance"}
    assert needed <= set(listed)
    for name, version in listed.items():
        if name not in ("python", "pip"):
            assert lowered[name] == version, name


def test_nothing_of_the_package_knows_snakemake():
    for path in (REPOSITORY / "src").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(import|from) snakemake", text, re.MULTILINE), path
