"""The published run: page, archive, and what it refuses to publish."""

import json
import os
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

import figure_tables
from checkouts import commit, git, job, write
from spectral_relevance.errors import UserError
from spectral_relevance.files import write_table
from spectral_relevance.replication.captions import shown_settings
from spectral_relevance.replication.claims import (
    judge,
    judge_all,
    per_check,
    per_claim,
    read_claims,
    table_paths,
)
from spectral_relevance.replication.figures import speed
from spectral_relevance.replication.figures.catalogue import read_figures
from spectral_relevance.replication.markup import markdown
from spectral_relevance.replication.provenance import code_state, describe_job
from spectral_relevance.replication.publish import archive, pictures, readme, records
from spectral_relevance.replication.publish.__main__ import CHECKOUT, main
from spectral_relevance.replication.publish.commands import publish, restore
from spectral_relevance.replication.publish.page import caption
from spectral_relevance.replication.scaling import QUANTITIES
from spectral_relevance.replication.settings import read_settings

ROOT = Path(__file__).resolve().parents[2]

DPI = pictures.DPI
SEEDS = [0, 1, 2]
DATA = "datasets/mnist_01/data.npz"
SPECTRAL = "relevance/mnist_01/spectral.csv"


def mnist(root: Path, seed: int = 0) -> None:
    """Tables of one experiment, as after its evaluation, from three seeds."""
    folder = root / "results/paper"
    scores = figure_tables.scores(figure_tables.PIXELS, SEEDS, seed=seed, sparse=0.9)
    for name, table in (
        (SPECTRAL, scores),
        ("performance/mnist_01.csv", figure_tables.performance(SEEDS)),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(folder / name, index=False)
    figure_tables.images().save(folder / DATA)
    for name in ("train/mnist_01/0-1", "train/mnist_01/2", "evaluate/mnist_01"):
        job(root, name)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with the results of one experiment, published with small pictures."""
    monkeypatch.setattr(pictures, "DPI", 30)
    root = tmp_path / "checkout"
    for name in ("config", "workflow"):
        shutil.copytree(ROOT / name, root / name)
    for mark, (name, _, _) in readme.MARKS.items():
        write(root / name, f"Before.\n<!-- {mark} -->\nold\n<!-- end -->\nAfter.\n")
    write(root / ".gitignore", "/results/\n/benchmarks/\n/logs/\n")
    git(tmp_path, "init", "--quiet", str(root))
    commit(root)
    mnist(root)
    return root


def page(root: Path) -> str:
    return (root / "docs/replication.md").read_text(encoding="utf-8")


def section(root: Path, title: str) -> str:
    return page(root).split(f"# {title}", 1)[1].split("\n#", 1)[0]


def manifest(root: Path) -> dict:
    with zipfile.ZipFile(root / archive.ARCHIVE) as file:
        return json.loads(file.read("manifest.json"))


def test_a_partial_run_is_published_and_marked(root):
    publish(root)
    claims = read_claims(ROOT / "config/claims.yaml")
    (claim,) = [claim for claim in claims if claim["id"] == 8]
    scores = pd.read_csv(root / "results/paper" / SPECTRAL)
    (row,) = judge(claim, {SPECTRAL: scores})
    assert row["verdict"] == "reproduced" and row["n"] == 3
    text = page(root)
    assert markdown(per_check(pd.DataFrame([row]))).splitlines()[-1] in text
    there = {SPECTRAL, "performance/mnist_01.csv", DATA}
    run = {claim["id"] for claim in claims if there >= set(table_paths([claim]))}
    left = ", ".join(str(claim["id"]) for claim in claims if claim["id"] not in run)
    verdicts = readme.read_verdicts(root / readme.VERDICTS)
    fared = verdicts.groupby("id")["verdict"].first()
    assert set(fared.index[fared != "not run yet"]) == run
    met = (fared == "reproduced").sum()
    opening = text.split("\n\n")[2]
    assert opening.startswith(f"**{met} of {len(claims)} claims are reproduced; ")
    assert opening.endswith(f"{len(claims) - len(run)} not run yet ({left}).**")
    assert markdown(per_claim(verdicts)) in section(root, "Claims")
    rows = [[*claim["checks"], *claim.get("controls", [])] for claim in claims]
    assert len(verdicts) == sum(map(len, rows))

    assert 'src="replication/fig05.png"' in section(root, "Figure 5: ")
    assert "- Here: claim 8, reproduced. share of " in section(root, "Figure 5: ")
    assert "Not computed yet." in section(root, "Figure 6: ")
    assert "Not computed yet." in section(root, "Table 1")
    figures = read_figures(ROOT / "config/figures.yaml")
    drawn = {
        k for k, entry in figures.items() if there >= set(entry["tables"].values())
    }
    assert drawn >= {"01", "05", "07"}
    *undrawn, last = [key.lstrip("0") for key in figures if key not in drawn]
    assert f"Figures not computed yet: {', '.join(undrawn)} and {last}.\n" in text
    experiments = read_settings(ROOT, "paper")["experiments"]
    others = ", ".join(name for name in experiments if name != "mnist_01")
    assert f"Experiments not computed yet: {others} and scaling." in text
    wanted = len(experiments["mnist_01"]["seeds"])
    assert f"With fewer runs than wanted: mnist_01 (3 of {wanted} runs)." in text
    found = {path.name for path in (root / "docs/replication").iterdir()}
    pictures = {f"fig{key}.png" for key in drawn}
    assert found == {"claims.csv", "tables.zip", "verdicts.png"} | pictures


def test_pictures_are_small(root, monkeypatch):
    monkeypatch.setattr(pictures, "DPI", DPI)
    publish(root)
    for path in (root / "docs/replication").glob("*.png"):
        assert path.stat().st_size < 250_000
        with Image.open(path) as image:
            assert 500 < image.width <= 1400
    # A colour bar has as many colours as it has rows, not steps of a small palette.
    with Image.open(root / "docs/replication/fig05.png") as image:
        assert image.mode == "RGB"
        assert len(image.getcolors(1 << 24)) > 256


def test_what_the_page_tells_of_the_computing(root):
    publish(root)
    text = section(root, "How it was computed")
    state = code_state(root)["commit"]
    today = describe_job(None)["written"][:10]
    row = f"| mnist_01 | 3 | 3 | 1.0 min | 30 s | {today} | `{state[:10]}` |"
    assert row in text
    assert "| stellar | not computed yet |" in text
    hardware = describe_job(None)["hardware"]
    assert f"{hardware['processor']}, {hardware['cores']} cores" in text
    assert "by hand" not in text


def test_captions_are_plain_markdown(root):
    settings = read_settings(ROOT, "paper")
    params = {
        f"fig{key}": {"settings": shown_settings(figure, settings), "judged": "Judged."}
        for key, figure in read_figures(ROOT / "config/figures.yaml").items()
    }
    for path in (ROOT / "workflow/report").glob("*.rst"):
        if path.stem != "workflow":
            text = caption(root, "paper", path.stem, params.get(path.stem))
            assert path.stem not in params or text.endswith(" Judged.\n")
            assert not set("{}") & set(text) and "``" not in text
            assert "(scale" not in text and "; scale" not in text
            assert "  " not in text and " )" not in text and "()" not in text


def test_captions_that_cannot_be_shown(root):
    with pytest.raises(UserError, match=r"fig99\.rst: expected a caption"):
        caption(root, "paper", "fig99")
    for text in ("{{ snakemake.wildcards.experiment }}", "{{ broken"):
        write(root / "workflow/report/fig99.rst", text)
        with pytest.raises(UserError, match=r"fig99\.rst: .*\nHint: a caption knows"):
            caption(root, "paper", "fig99")


def test_captions_name_the_scale(root):
    assert "at the quick scale" in caption(root, "quick", "claims")


def test_links_lead_to_headings(root):
    publish(root)
    text = page(root)
    headings = [line.lstrip("# ") for line in text.splitlines() if line[:2] == "##"]
    for heading in headings:
        keep = [c for c in heading.lower() if c.isalnum() or c in " -_"]
        anchor = "".join(keep).replace(" ", "-")
        assert f"](#{anchor})" in text or heading == "Figures"
    figures = read_figures(ROOT / "config/figures.yaml")
    assert len(headings) == 6 + len(figures)


def test_the_archive_has_the_same_bytes_again(root):
    publish(root)
    before = (root / archive.ARCHIVE).read_bytes()
    os.utime(root / "results/paper" / SPECTRAL, (1e9, 1e9))
    shutil.rmtree(root / "logs")
    publish(root)
    assert (root / archive.ARCHIVE).read_bytes() == before


def test_what_is_archived(root):
    results = root / "results/paper"
    for name in ("datasets/own/data.npz", "models/mnist_01/2.csv", "verdicts.txt"):
        write(results / name, "")
    write(results / "line_bands.csv", "name\n")
    write(results / "relevance/gone/spectral.csv", "seed\n0\n")  # not in the settings
    publish(root)
    with zipfile.ZipFile(root / archive.ARCHIVE) as file:
        names = file.namelist()
    assert names == ["manifest.json", "performance/mnist_01.csv", SPECTRAL]
    assert list(manifest(root)) == ["mnist_01"]


def test_restored_tables_are_those_that_were_published(root, capsys):
    results = root / "results/paper"
    before = {name: (results / name).read_bytes() for name in manifest_tables(root)}
    shutil.rmtree(results)
    shutil.rmtree(root / "benchmarks")
    shutil.rmtree(root / "logs")
    code = root / "workflow/rules/common.smk"
    os.utime(code)
    capsys.readouterr()
    restore(root)
    assert "mnist_01: 2 tables of 3 of 10 runs" in capsys.readouterr().out
    assert {k: (results / k).read_bytes() for k in before} == before
    assert all((results / k).stat().st_mtime >= code.stat().st_mtime for k in before)
    figure_tables.images().save(results / DATA)
    publish(root)  # without logs and benchmarks
    os.utime(results / SPECTRAL, (1e9, 1e9))
    restore(root)
    assert (results / SPECTRAL).stat().st_mtime > 1e9


def manifest_tables(root: Path) -> list[str]:
    publish(root)
    return list(manifest(root)["mnist_01"]["tables"])


def test_restoring_keeps_other_results(root, capsys):
    publish(root)
    mnist(root, seed=1)
    path = root / "results/paper" / SPECTRAL
    own = path.read_bytes()
    restore(root)
    assert path.read_bytes() == own
    assert "mnist_01: kept" in capsys.readouterr().out


def test_a_damaged_archive_is_refused(root):
    publish(root)
    records, tables = archive.read_archive(root / archive.ARCHIVE)
    tables["mnist_01"][SPECTRAL] += b"more"
    archive.write_archive(root / archive.ARCHIVE, records, tables)
    with pytest.raises(UserError, match="tables of mnist_01"):
        restore(root)


def test_each_experiment_keeps_its_commit(root):
    first = code_state(root)["commit"]
    publish(root)
    write(root / "src/later.py", "")
    second = commit(root)
    scaling = root / "results/paper/scaling.csv"
    write(scaling, "seconds\n1\n")
    job(root, "scaling")
    for path in (root / "logs/paper/train").rglob("*.log"):
        path.unlink()
    publish(root)
    commits = {name: entry["commits"] for name, entry in manifest(root).items()}
    assert commits == {"mnist_01": [first], "scaling": [second]}
    assert f"judged at commit `{second[:10]}`" in page(root)
    assert "depend on is the same at all of these commits" in page(root)

    mnist(root, seed=1)
    publish(root)
    assert manifest(root)["mnist_01"]["commits"] == [second]
    job(root, "evaluate/mnist_01")
    write(root / "src/later.py", "more")
    third = commit(root)
    mnist(root, seed=2)
    git(root, "checkout", "--quiet", second)
    job(root, "evaluate/mnist_01")
    publish(root)
    assert set(manifest(root)["mnist_01"]["commits"]) == {second, third}


def test_commits_may_differ_in_what_weights_depend_on(root):
    publish(root)
    assert "these commits" not in page(root).lower()
    first = code_state(root)["commit"]
    write(root / "workflow/scripts/train.py", "'changed'")
    second = commit(root)
    publish(root)
    assert "These commits differ in code that" in page(root)

    unknown = "0" * 40  # such as that of a clone with a short history
    for others, expected in (([second, unknown], None), ([first, unknown], False)):
        run = {"mnist_01": {"commits": others}}
        assert records.of_one_code(root, run, second) is expected


def test_code_that_is_not_of_a_commit(root):
    publish(root)
    before = page(root)
    write(root / "config/config.yaml", "")
    with pytest.raises(UserError, match="not those of a commit"):
        publish(root)
    assert page(root) == before
    shutil.rmtree(root / ".git")
    with pytest.raises(UserError, match="not those of a commit"):
        publish(root)


def test_a_job_whose_code_was_not_of_a_commit(root):
    job(root, "train/mnist_01/2", dirty=True)
    with pytest.raises(UserError, match=r"train/mnist_01/2\.log: .* not committed"):
        publish(root)


def test_a_job_that_did_not_tell_its_commit(root):
    write(root / "logs/paper/train/mnist_01/2.log", "INFO begun\n")
    with pytest.raises(UserError, match=r"train/mnist_01/2\.log: .*\n.*--commit"):
        publish(root)
    with pytest.raises(UserError, match="expected a commit, found 'abc'"):
        publish(root, commit="abc")
    publish(root, commit="HEAD")
    state = code_state(root)["commit"]
    assert f"`{state[:10]}` (stated) |" in page(root)
    assert "stated by hand" in page(root)


def test_a_job_without_its_times(root):
    (root / "benchmarks/paper/evaluate/mnist_01.jsonl").unlink()
    with pytest.raises(UserError, match=r"evaluate/mnist_01\.jsonl: expected a file"):
        publish(root)


@pytest.mark.parametrize(
    ("jobs", "found"),
    [(["0-1"], "jobs 0-1"), (["0-1", "2", "0-2"], "jobs 0-1, 0-2, 2"), ([], "none")],
)
def test_training_jobs_that_do_not_fit_the_seeds(root, jobs, found):
    shutil.rmtree(root / "benchmarks/paper/train")
    for name in jobs:
        job(root, f"train/mnist_01/{name}")
    with pytest.raises(UserError, match=f"mnist_01: .* {found}"):
        publish(root)


def test_data_that_figures_lack(root):
    (root / "results/paper" / DATA).unlink()
    with pytest.raises(
        UserError, match=f"needed to draw .*\nHint: .* results/paper/{DATA}"
    ):
        publish(root)


def test_nothing_to_publish(root):
    shutil.rmtree(root / "results")
    with pytest.raises(UserError, match="expected tables, found none"):
        publish(root)


def test_what_was_published_does_not_get_lost(root):
    publish(root)
    shutil.rmtree(root / "results")
    write(root / "results/paper/scaling.csv", "seconds\n1\n")
    job(root, "scaling")
    with pytest.raises(UserError, match="mnist_01 would no longer be published"):
        publish(root)
    restore(root)
    figure_tables.images().save(root / "results/paper" / DATA)
    publish(root)
    assert list(manifest(root)) == ["mnist_01", "scaling"]


def test_table_1_is_shown(root):
    fit = {f"exponent_{q}{end}": 0.5 for q in QUANTITIES for end in ("", "_error")}
    fit |= {f"counted_{q}": 1.0 for q in QUANTITIES}
    theory = {f"theory_{q}": 1 for q in QUANTITIES}
    row = {"method": "spectral", "local_theory": "-", "global_theory": "O(N0 N1)"}
    folder = root / "results/paper"
    pd.DataFrame([row | fit | theory]).to_csv(folder / "table1.csv", index=False)
    write(folder / "scaling.csv", "method\nspectral\n")
    job(root, "scaling")
    publish(root)
    shown = section(root, "Table 1")
    assert "| Spectral method | - | O(N0 N1) | 1 / 1.00 / 0.50 ± 0.50 |" in shown
    assert "N0 and N1 are" in shown
    assert set(manifest(root)["scaling"]["tables"]) == {"scaling.csv", "table1.csv"}


def test_a_figure_whose_tables_are_gone_is_removed(root):
    write(root / "docs/replication/fig06.png", "old")
    publish(root)
    assert not (root / "docs/replication/fig06.png").exists()


@pytest.fixture
def verdicts(tmp_path: Path) -> pd.DataFrame:
    """All claims reproduced but three, of which one was not run."""
    judged = judge_all(read_claims(ROOT / "config/claims.yaml"), tmp_path / "nothing")
    others = {10: "not reproduced", 15: "undecided", 27: "not run yet"}
    return judged.assign(verdict=judged["id"].map(others).fillna("reproduced"))


def test_verdicts_read_back_as_they_were_judged(root):
    path = root / readme.VERDICTS
    path.parent.mkdir(parents=True)
    judged = judge_all(
        read_claims(ROOT / "config/claims.yaml"), root / "results/paper"
    ).assign(reason="NA")
    assert judged["value"].notna().any() and judged["value"].isna().any()
    write_table(judged, path)
    pd.testing.assert_frame_equal(readme.read_verdicts(path), judged)
    write_table(judged.drop(columns="low"), path)
    with pytest.raises(UserError, match=r"columns id, .* found .* value, high, n,"):
        readme.read_verdicts(path)


@pytest.mark.parametrize(
    ("mark", "why", "end"),
    [
        (
            "verdicts:paper",
            " [Why?](docs/deviations.md#claim-{})",
            "\n![The verdict on each claim](docs/replication/verdicts.png)\n",
        ),
        ("verdicts:quick", "", ""),
    ],
    ids=["paper", "quick"],
)
def test_the_verdicts_within_a_page(mark, why, end, root, verdicts, capsys):
    page, name, _ = readme.MARKS[mark]
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    write_table(verdicts, root / name)
    readme.update_readme(root)
    claims = dict(zip(verdicts["id"], verdicts["claim"], strict=True))
    assert (root / page).read_text(encoding="utf-8") == (
        f"Before.\n<!-- {mark} -->\n**{len(claims) - 3} of {len(claims)} claims are "
        "reproduced; 1 undecided (15); 1 not reproduced (10); 1 not run yet (27).**\n\n"
        f"- Claim 10, not reproduced: {claims[10]}{why.format(10)}\n"
        f"- Claim 15, undecided: {claims[15]}{why.format(15)}\n"
        f"{end}<!-- end -->\nAfter.\n"
    )
    told = capsys.readouterr().out.splitlines()
    left = {m: f"{p}: no {n}, {m} left" for m, (p, n, _) in readme.MARKS.items()}
    del left[mark]
    assert [line.split(" as it is")[0] for line in told] == [*left.values()]


def test_where_all_claims_are_reproduced(verdicts):
    told = readme.tell(verdicts.assign(verdict="reproduced"), "never")
    number = verdicts["id"].nunique()
    assert told == f"**{number} of {number} claims are reproduced.**\n"


def test_what_the_benchmark_found_within_a_page(root):
    write(root / "results/benchmark.md", "| fast |\n")
    readme.update_readme(root)
    path = root / "docs/speed.md"
    text = path.read_text(encoding="utf-8")
    assert text == "Before.\n<!-- benchmark -->\n| fast |\n<!-- end -->\nAfter.\n"
    write(path, text.replace("benchmark", "speed"))
    with pytest.raises(UserError, match=r"speed\.md: expected one <!-- benchmark -->"):
        readme.update_readme(root)


def test_the_figure_of_speed_is_copied(root, monkeypatch):
    write(root / "results/benchmark.csv", "value,spread\n3,1\n")
    drawn = []

    def draw(table):
        drawn.append(table)
        return Figure(figsize=(2, 1))

    monkeypatch.setattr(speed, "benchmark", draw)
    readme.update_readme(root)
    assert drawn[0].to_dict("list") == {"value": [3], "spread": [1]}
    with Image.open(root / "docs/benchmark.png") as image:
        assert image.size == (2 * pictures.DPI, pictures.DPI)


def test_jobs_of_tables():
    found = {
        name: records.job_of(name)
        for name in (
            "performance/a.csv",
            "history/a.csv",
            "curves/a.csv",
            "relevance/a/spectral.csv",
            "relevance/a/lasso.csv",
            "comparison/a.csv",
            "lrp_theory/a.csv",
            "scaling.csv",
            "table1.csv",
        )
    }
    assert list(found.values()) == [
        *["evaluate/a"] * 4,
        *("relevance/a/lasso", "comparison/a", "lrp_theory/a", "scaling", "scaling"),
    ]


@pytest.mark.parametrize("command", ["publish", "restore", "readme"])
def test_a_folder_that_is_no_checkout(command, root, monkeypatch):
    monkeypatch.chdir(root / "config")
    with pytest.raises(SystemExit, match=r"config: expected the root of a checkout"):
        main([command])


def test_commands_work_in_the_folder_they_are_called_in(root, monkeypatch, capsys):
    write(root / "Snakefile", "")
    commit(root)
    assert all((root / name).exists() for name in CHECKOUT)
    monkeypatch.chdir(root)
    main(["publish"])
    assert "reproduced; " in (root / "README.md").read_text(encoding="utf-8")
    shutil.rmtree(root / "results")
    main(["restore"])
    assert (root / "results/paper" / SPECTRAL).is_file()
    capsys.readouterr()
    main(["readme"])
    assert "no results/quick/claims.csv" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="Error: .* would no longer be published"):
        shutil.rmtree(root / "results")
        write(root / "results/paper/scaling.csv", "seconds\n1\n")
        main(["publish"])
