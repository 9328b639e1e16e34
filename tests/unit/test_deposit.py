"""The deposit: what it holds and refuses, and what is made of it again."""

import errno
import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

import figure_tables
from checkouts import commit, git, job, write
from spectral_relevance.errors import UserError
from spectral_relevance.replication.publish import __main__, crate, deposit, unpack
from spectral_relevance.replication.publish.__main__ import main
from spectral_relevance.replication.publish.archive import read_computed
from spectral_relevance.replication.publish.crate import Member, Part
from spectral_relevance.replication.publish.deposit import DEPOSIT, archive
from spectral_relevance.replication.publish.records import job_of
from spectral_relevance.replication.publish.unpack import METADATA, restore_deposit
from spectral_relevance.replication.settings import read_settings, read_yaml

# The validator's libraries warn of each other.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "src/spectral_relevance"
RESULTS = "results/paper"
WEIGHTS = f"{RESULTS}/models/mnist_01/0-4.pt"
SCORES = f"{RESULTS}/relevance/mnist_01/spectral.csv"
FEW = {"LICENSE", "Snakefile", SCORES, WEIGHTS}
"""Validation takes long where there are many files."""


def only_mnist(entries: list[dict]) -> list[dict]:
    """Those claims or figures that nothing but experiment mnist_01 is needed for."""
    return [
        entry
        for entry in entries
        if (text := json.dumps(entry)).count(".csv") == text.count("/mnist_01.csv")
        and ".csv" in text
        and ".npz" not in text
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with a complete run, of one experiment, and its deposit."""
    root = tmp_path_factory.mktemp("deposit") / "checkout"
    shutil.copytree(ROOT / "config", root / "config")
    others = ("CITATION.cff", "LICENSE", "README.md", "Snakefile")
    for name in (*unpack.training_code(ROOT), *others):
        write(root / name, (ROOT / name).read_text(encoding="utf-8"))
    for name in ("claims", "figures"):
        path = root / f"config/{name}.yaml"
        entries = only_mnist(yaml.safe_load(path.read_text(encoding="utf-8")))
        assert entries
        write(path, yaml.safe_dump(entries, sort_keys=False))
    ignored = ["results", "figures", "benchmarks", "logs", DEPOSIT]
    write(root / ".gitignore", "".join(f"/{name}\n" for name in ignored))
    git(root.parent, "init", "--quiet", str(root))
    commit(root)
    for names in deposit.wanted_files(root, "paper").values():
        for name in names:
            write(root / name, f"content of {name}\n")
    seeds = read_settings(root, "paper")["experiments"]["mnist_01"]["seeds"]
    write(root / SCORES, "")
    tables = read_computed(root / RESULTS)
    for name in tables["mnist_01"]:
        figure_tables.performance(seeds).to_csv(root / RESULTS / name, index=False)
    jobs = {job_of(name) for contents in tables.values() for name in contents}
    for name in jobs | {"train/mnist_01/0-4", "train/mnist_01/5-9"}:
        job(root, name)
    settings = json.dumps({"settings": read_settings(root, "paper")})
    write(root / f"{RESULTS}/provenance.json", settings)
    write(root / f"{RESULTS}/datasets/mnist_01/data.npz", "not ours to pass on")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deposit, "is_up_to_date", lambda root, target: True)
        patch.setattr(deposit, "check", lambda metadata: None)  # takes seconds
        archive(root)
    return root


@pytest.fixture
def clone(whole, tmp_path, monkeypatch) -> Path:
    """A fresh clone, in which Snakemake is told of nothing."""
    root = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(whole), str(root))
    monkeypatch.setattr(unpack, "take_as_made", lambda root, files: None)
    return root


@pytest.fixture
def run(whole, tmp_path, monkeypatch) -> Path:
    """The checkout with the run, to be changed."""
    monkeypatch.setattr(deposit, "is_up_to_date", lambda root, target: True)
    return shutil.copytree(whole, tmp_path / "run")


def results(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for folder in ("results", "figures", "logs", "benchmarks")
        for path in (root / folder).rglob("*")
        if path.is_file() and "datasets" not in path.parts
    }


def changed(path: Path, folder: Path, change: Callable[[dict], None]) -> Path:
    """Write a ZIP file with changed contents."""
    with zipfile.ZipFile(path) as file:
        contents = {name: file.read(name) for name in file.namelist()}
    change(contents)
    with zipfile.ZipFile(folder / path.name, "w") as file:
        for name, content in contents.items():
            file.writestr(name, content)
    return folder / path.name


def with_file(name: str, content: bytes) -> Callable[[dict[str, bytes]], None]:
    """Let a result of the deposit have another name and content, with its digest."""

    def change(contents: dict[str, bytes]) -> None:
        digest = sha256(contents.pop(WEIGHTS)).hexdigest().encode()
        text = contents[METADATA].replace(WEIGHTS.encode(), name.encode())
        contents[METADATA] = text.replace(digest, sha256(content).hexdigest().encode())
        contents[name] = content

    return change


def test_the_deposit_holds_code_and_results_and_nothing_else(whole):
    with zipfile.ZipFile(whole / DEPOSIT) as file:
        contents = {name: file.read(name) for name in file.namelist()}
    metadata = json.loads(contents.pop(METADATA))
    tracked = {
        path.relative_to(whole).as_posix(): path.read_bytes()
        for path in whole.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }
    del tracked[DEPOSIT], tracked[f"{RESULTS}/datasets/mnist_01/data.npz"]
    assert contents == tracked
    assert {WEIGHTS, SCORES, f"{RESULTS}/scaling.csv", "Snakefile"} <= contents.keys()
    digests = {e["@id"]: e["sha256"] for e in metadata["@graph"] if "sha256" in e}
    assert digests == {k: sha256(v).hexdigest() for k, v in contents.items()}


def test_a_validator_accepts_the_deposit(whole):
    with zipfile.ZipFile(whole / DEPOSIT) as file:
        contents = {name: file.read(name) for name in FEW}
    members = {k: Member(len(v), sha256(v).hexdigest()) for k, v in contents.items()}
    parts = deposit.parts_of(whole, "paper", None)
    parts = {k: Part([*FEW & {*part.files}], part.record) for k, part in parts.items()}
    citation = read_yaml(whole / "CITATION.cff")
    metadata = crate.describe(citation, "abc", "2026-11-25", members, parts)
    crate.check(metadata)


def test_the_deposit_has_the_same_bytes_again(run, monkeypatch):
    monkeypatch.setattr(deposit, "check", lambda metadata: None)
    before = (run / DEPOSIT).read_bytes()
    (run / DEPOSIT).unlink()
    (run / WEIGHTS).touch()
    archive(run)
    assert (run / DEPOSIT).read_bytes() == before


def test_metadata_that_are_no_crate_are_refused(run, monkeypatch):
    def few(citation, commit, date, members, parts):
        few = {name: members[name] for name in FEW}
        return crate.describe(citation, commit, "today", few, {})

    monkeypatch.setattr(deposit, "describe", few)
    before = (run / DEPOSIT).read_bytes()
    with pytest.raises(UserError, match=r"no RO-Crate: .*datePublished"):
        archive(run)
    assert (run / DEPOSIT).read_bytes() == before
    assert not list(run.glob(".*.part"))


def test_an_incomplete_run_is_not_deposited(run):
    (run / WEIGHTS).unlink()
    (run / f"{RESULTS}/claims.csv").unlink()
    with pytest.raises(UserError, match="expected a complete run") as error:
        archive(run)
    assert f"\n  mnist_01: {WEIGHTS}\n" in str(error.value)
    assert f"\n  summary: {RESULTS}/claims.csv\n" in str(error.value)


def test_a_run_that_is_not_up_to_date_is_not_deposited(run, monkeypatch):
    monkeypatch.setattr(deposit, "is_up_to_date", lambda root, target: False)
    with pytest.raises(UserError, match="would compute .*\nHint: .* make paper"):
        archive(run)


def test_code_that_is_not_of_the_commit_is_not_deposited(run):
    write(run / "notes.txt", "")
    with pytest.raises(UserError, match=r"notes\.txt: not as in the last commit"):
        archive(run)
    shutil.rmtree(run / ".git")
    with pytest.raises(UserError, match="expected a clone"):
        archive(run)


def test_weights_of_an_unknown_commit_are_not_deposited(run):
    write(run / "logs/paper/train/mnist_01/5-9.log", "INFO begun\n")
    with pytest.raises(UserError, match=r"train/mnist_01/5-9\.log: .*\n.*--commit"):
        archive(run)


def test_a_fresh_clone_gets_what_was_deposited(whole, clone, monkeypatch, capsys):
    told = []
    monkeypatch.setattr(unpack, "take_as_made", lambda root, files: told.extend(files))
    restore_deposit(clone, whole / DEPOSIT)
    assert results(clone) == results(whole)
    head = (whole / ".git/refs/heads").iterdir().__next__().read_text()
    output = capsys.readouterr().out
    assert head[:10] in output
    assert "files, 2 of them weights" in output
    assert "differs" not in output
    assert set(told) == {k for k in results(whole) if k[0] in "rf"}


def test_other_results_are_kept(whole, clone, capsys):
    write(clone / SCORES, "own")
    restore_deposit(clone, whole / DEPOSIT)
    output = capsys.readouterr().out
    assert f"mnist_01: kept, there are other results already ({SCORES})" in output
    assert "summary: left out" in output
    found = results(clone)
    assert found[SCORES] == b"own"
    assert f"{RESULTS}/scaling.csv" in found
    assert not {WEIGHTS, f"{RESULTS}/claims.csv"} & found.keys()


def test_results_of_other_settings_are_left_out(whole, clone, capsys):
    path = clone / "config/config.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["experiments"]["mnist_01"]["training"]["epochs"] += 1
    write(path, yaml.safe_dump(config))
    restore_deposit(clone, whole / DEPOSIT)
    assert "mnist_01: left out, its settings are others" in capsys.readouterr().out
    assert not (clone / WEIGHTS).exists()
    assert (clone / f"{RESULTS}/scaling.csv").exists()


def test_code_of_training_that_changed_since_is_told(whole, clone, tmp_path, capsys):
    source = f"{PACKAGE}/step.py"

    def change(contents: dict[str, bytes]) -> None:
        former = sha256(contents[source]).hexdigest().encode()
        contents[source] += b"# more\n"
        digest = sha256(contents[source]).hexdigest().encode()
        contents[METADATA] = contents[METADATA].replace(former, digest)

    restore_deposit(clone, changed(whole / DEPOSIT, tmp_path, change))
    assert f"differs from that of the deposit: {source}." in capsys.readouterr().out
    assert (clone / WEIGHTS).exists()


def test_damaged_deposits_are_refused(whole, clone, tmp_path):
    before = results(clone)
    path = tmp_path / "damaged.zip"
    with pytest.raises(UserError, match=r"damaged\.zip: .* found no file"):
        restore_deposit(clone, path)
    content = (whole / DEPOSIT).read_bytes()
    flipped = bytearray(content)
    flipped[content.index(b"content of results/paper/models/mnist_01/0-4.pt")] ^= 1
    for damaged in (b"", b"text", content[: len(content) // 2], bytes(flipped)):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"damaged\.zip: .* damaged file"):
            restore_deposit(clone, path)
    assert results(clone) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update({WEIGHTS: b"other"}), "0-4.pt is not what it was"),
        (lambda c: c.pop(WEIGHTS), "0-4.pt is missing"),
        (lambda c: c.pop(METADATA), "found another ZIP file"),
        (lambda c: c.update({METADATA: b"{}"}), "found another ZIP file"),
        (lambda c: c.update({METADATA: b"\xff"}), "found another ZIP file"),
        (lambda c: c.update({"../evil": b""}), "'../evil' leads elsewhere"),
        (with_file("results/paper/../../evil", b""), "leads elsewhere"),
        (with_file("/evil", b""), "'/evil' leads elsewhere"),
        (with_file("src/evil.py", b""), "'src/evil.py' is no result"),
    ],
)
def test_deposits_that_are_not_what_they_should_be(
    change, message, whole, clone, tmp_path
):
    path = changed(whole / DEPOSIT, tmp_path, change)
    before = results(clone)
    with pytest.raises(UserError, match=message):
        restore_deposit(clone, path)
    assert results(clone) == before


def test_the_published_tables_are_no_deposit(whole, clone):
    tables = ROOT / "docs/replication/tables.zip"
    with pytest.raises(UserError, match=r"tables\.zip: .* another ZIP file"):
        restore_deposit(clone, tables)


def test_a_deposit_of_another_scale(whole, clone):
    with pytest.raises(UserError, match="expected results at the quick scale"):
        restore_deposit(clone, whole / DEPOSIT, "quick")


def test_commands(whole, clone, monkeypatch, capsys):
    write(clone / "workflow/report/workflow.rst", "")
    monkeypatch.chdir(clone)
    with pytest.raises(SystemExit, match=r"Error: workflow/report/.*: not as in"):
        main(["archive"])
    main(["restore", "--from", str(whole / DEPOSIT)])
    assert (clone / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device", "somewhere")

    monkeypatch.setattr(__main__, "restore_deposit", full)
    with pytest.raises(SystemExit, match="Error: .* No space left .* 'somewhere'"):
        main(["restore", "--from", "archive.zip"])


def test_an_environment_without_what_the_deposit_needs(whole, monkeypatch):
    monkeypatch.chdir(whole)
    monkeypatch.setattr(__main__, "CHECKOUT", ())
    package = deposit.__name__.rpartition(".")[0]
    for name in ("crate", "deposit"):
        monkeypatch.delitem(sys.modules, f"{package}.{name}")
    monkeypatch.setitem(sys.modules, "rocrate", None)
    monkeypatch.delitem(sys.modules, "rocrate.rocrate")
    with pytest.raises(SystemExit, match=r"the package rocrate\.\S*, found none"):
        main(["archive"])
