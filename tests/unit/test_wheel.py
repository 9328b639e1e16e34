"""The wheel, in an environment that holds nothing but what the base needs."""

import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
BASE = {"numpy", "pandas", "scikit-learn", "scipy", "torch", "tqdm"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # A copy, because building leaves files behind.
    for name in ("README.md", "LICENSE", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(
        ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("*.egg-info")
    )
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command = [*pip, "--wheel-dir", str(folder), str(folder)]
    built = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    if "Could not find a version" in built.stderr:
        pytest.skip("the build backend cannot be had without a network")
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
    """An interpreter with the wheel, the six and what these need, as links."""
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
        env={"PATH": "/usr/bin:/bin"},
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
    }


def test_types_and_schemas_are_in_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = ROOT / "src/spectral_relevance"
    schemas = package.glob("replication/schemas/*.yaml")
    for path in (package / "py.typed", *schemas, *package.rglob("*.py")):
        assert path.relative_to(package.parent).as_posix() in names
    assert not [name for name in names if name.startswith(("tests", "docs", "speed"))]


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


def test_every_module_of_the_base_can_be_imported(python):
    package = ROOT / "src/spectral_relevance"
    extra = ("explainers/", "replication/", "vision.py")
    names = [path.relative_to(package).as_posix() for path in package.rglob("*.py")]
    modules = [name for name in names if not name.startswith(extra)]
    modules += ["explainers/spectral.py", "explainers/__init__.py"]
    dotted = [f"spectral_relevance.{m[:-3].replace('/', '.')}" for m in modules]
    dotted = [name.removesuffix(".__init__") for name in dotted]
    result = run(python, "import " + ", ".join(dotted))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("explainers.saliency", "explain"),
        ("explainers.integrated_gradients", "explain"),
        ("explainers.shap", "explain"),
        ("explainers.lrp_0", "explain"),
        ("replication.settings", "paper"),
        ("replication.figures.mnist", "paper"),
        ("replication.training", "paper"),
    ],
)
def test_what_an_extra_brings_is_asked_for(python, module, extra):
    result = run(python, f"import spectral_relevance.{module}")
    last = result.stderr.strip().splitlines()[-2:]
    assert "UserError: expected the package " in last[0]
    assert last[1].endswith(f"pip install 'spectral-relevance[{extra}]'.")


def test_the_lines_of_the_readme_run(python):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("## Your own inputs")[1].split("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 2
    found = blocks[0].rstrip().splitlines()
    assert found[-1].endswith("# inputs 2 and 7")
    found[-1] = f"print(sorted(({found[-1].split('#')[0].strip()}).tolist()))"
    result = run(python, "\n".join(found))
    assert result.stdout.strip() == "[2, 7]", result.stderr
    result = run(python, blocks[1])
    assert result.returncode == 0, result.stderr
