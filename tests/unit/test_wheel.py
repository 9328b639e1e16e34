"""The wheel, in an environment that holds nothing but what the base needs."""

import ast
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from importlib.metadata import (
    PackageNotFoundError,
    distribution,
    packages_distributions,
)
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import spectral_relevance
from spectral_relevance import replication

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src/spectral_relevance"
MODULES = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")]
BASE = {"numpy", "pandas", "scikit-learn", "scipy", "torch", "tqdm"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: a build leaves files, and takes those it finds.

    With the pinned setuptools of this environment, no network is needed.
    """
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT / "src/spectral_relevance", source / "src/spectral_relevance")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    command = [sys.executable, "-m", "pip", "wheel", *options, source]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return path


def needed(names: set[str]) -> set[str]:
    """Distributions that some distributions need here, themselves included."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in found:
            continue
        try:
            requirements = distribution(name).requires or []
        except PackageNotFoundError:  # not on this platform
            continue
        found.add(name)
        parsed = map(Requirement, requirements)
        todo += [
            r.name for r in parsed if not r.marker or r.marker.evaluate({"extra": ""})
        ]
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with the wheel, the six and what these need, as links.

    pip would fetch what is here already, 200 MB of it.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    place = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", place))
    for name in needed(BASE):
        installed = distribution(name)
        tops = {file.parts[0] for file in installed.files or []} - {"..", "__pycache__"}
        for top in tops:
            if not (site / top).exists():
                (site / top).symlink_to(installed.locate_file(top))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return folder / "bin/python"


def run(python: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-W", "error", "-c", code],
        # Threads that wait for one another take ten times as long on a busy machine.
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        cwd=python.parent,
        capture_output=True,
        text=True,
    )


def test_the_base_needs_the_six_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode()
    lines = re.findall(r"^Requires-Dist: (.*)$", metadata, re.MULTILINE)
    base = {Requirement(line).name for line in lines if "extra ==" not in line}
    assert base == BASE
    assert set(re.findall(r"^Provides-Extra: (.*)$", metadata, re.M)) == {
        "explain",
        "paper",
        "peers",
    }


def test_the_wheel_holds_the_package_its_schemas_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
    schemas = PACKAGE.glob("replication/schemas/*.yaml")
    files = [
        *MODULES,
        "py.typed",
        *(s.relative_to(PACKAGE).as_posix() for s in schemas),
    ]
    assert names == {f"spectral_relevance/{file}" for file in files}


def test_there_is_one_version(wheel):
    assert wheel.name.split("-")[1] == spectral_relevance.__version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {spectral_relevance.__version__}\n" in citation


def test_the_front_door_is_light_and_knows_its_names(python):
    code = """
import sys, spectral_relevance as sr
assert "torch" not in sys.modules
assert sr.__version__.count(".") == 2
for name in sr.__all__:
    assert getattr(sr, name) is not None and name in dir(sr)
try:
    sr.fitt
except AttributeError as error:
    assert "no attribute 'fitt'" in str(error)
else:
    raise AssertionError
"""
    result = run(python, code)
    assert result.returncode == 0, result.stderr


def extra_of(module: str) -> str:
    """The extra that a module needs, by its place; nothing for the base."""
    if module.startswith("replication/"):
        return "paper"
    needs_none = ("explainers/__init__.py", "explainers/spectral.py")
    shares_none = ("explainers/shared/__init__.py", "explainers/shared/examples.py")
    if module in needs_none + shares_none:
        return ""
    return "explain" if module.startswith(("explainers/", "vision.py")) else ""


def test_modules_import_what_their_extra_brings():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = {"": project["project"]["dependencies"]}
    named |= project["project"]["optional-dependencies"]
    brought = {
        extra: {Requirement(line).name for line in lines}
        for extra, lines in named.items()
    }
    brought["explain"] |= brought[""]
    brought["paper"] |= brought["explain"] | brought["peers"]
    deposit = {Requirement(p).name for p in project["dependency-groups"]["deposit"]}
    distributions = packages_distributions()
    needed_by_the_paper = set()
    for module in MODULES:
        packages = imported(PACKAGE / module)
        if module == "replication/publish/crate.py":
            packages = {p for p in packages if not deposit & {*distributions[p]}}
        known = set().union(*(lowered(distributions[p]) for p in packages))
        assert known <= brought[extra_of(module)], module
        if extra_of(module) == "paper":
            others = brought["explain"] | brought["peers"]
            own = {p for p in packages if not others & lowered(distributions[p])}
            needed_by_the_paper |= own
    assert needed_by_the_paper == set(replication.PACKAGES)


def lowered(names: list[str]) -> set[str]:
    return {name.lower() for name in names}


def imported(path: Path) -> set[str]:
    """Packages of others that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found - sys.stdlib_module_names - {"spectral_relevance"}


def test_modules_can_be_imported_or_name_their_extra(python):
    code = f"""
import importlib
for module, extra in {sorted((module, extra_of(module)) for module in MODULES)}:
    name = f"spectral_relevance.{{module[:-3].replace('/', '.')}}"
    found = ""
    try:
        importlib.import_module(name.removesuffix(".__init__"))
    except Exception as error:
        found = f"{{type(error).__name__}}: {{error}}"
    begins = "UserError: expected the package "
    expected = f"pip install 'spectral-relevance[{{extra}}]'."
    as_expected = found.startswith(begins) and found.endswith(expected)
    if not (as_expected if extra else found == ""):
        raise SystemExit(f"{{module}}: {{found}}")
"""
    result = run(python, code)
    assert result.returncode == 0, result.stderr


def test_the_lines_of_the_readme_run(python):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("## Your own inputs")[1].split("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 3
    found = blocks[0].rstrip().splitlines()
    found[-1] = f"assert len({found[-1].split('#')[0].strip()}) > 2"
    result = run(python, "\n".join(found))
    assert result.returncode == 0, result.stderr
    found = blocks[1].rstrip().splitlines()
    assert found[-1].endswith("# inputs 2 and 7")
    found[-1] = f"print(sorted(({found[-1].split('#')[0].strip()}).tolist()))"
    result = run(python, "\n".join(found))
    assert result.stdout.strip() == "[2, 7]", result.stderr
    result = run(python, blocks[2])
    assert result.returncode == 0, result.stderr
