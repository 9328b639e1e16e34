"""Bad input ends in one clear message and leaves nothing half-written."""

import pytest

import tiny_data


def message_of(result):
    """The lines that a user reads, without Snakemake's listings of jobs."""
    assert result.returncode != 0
    assert "Traceback" not in result.stdout
    return result.stdout


def outputs(project, *folders):
    return [
        path
        for folder in folders
        for path in (project.root / folder).rglob("*")
        if path.is_file()
    ]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"quick": {"seeds": []}}, "seeds"),
        ({"quick": {"sedes": [1]}}, "sedes"),
        (
            {"quick": {"experiments": {"stellar": {"training": {"epochs": -1}}}}},
            "experiments.stellar.training.epochs",
        ),
        ({"quick": {"experiments": {"galaxies": {}}}}, "galaxies"),
    ],
)
def test_a_malformed_configuration_is_refused(project, change, named):
    project.configure(change)
    message = message_of(project.run("quick", options=("--dry-run",)))
    assert named in message
    assert not outputs(project, "results", "data")


def test_a_key_that_stands_twice_is_named(project):
    overlay = project.overlay
    text = overlay.read_text(encoding="utf-8") + "data: {}\n"
    overlay.write_text(text, encoding="utf-8")
    message = message_of(project.run("quick", options=("--dry-run",)))
    assert f"{overlay}, line {len(text.splitlines())}: the key 'data'" in message


def test_a_malformed_file_of_the_project_is_named(project):
    config = project.root / "config/quick.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("quick:\n", "quick:\n\tseeds: [1]\n"))
    message = message_of(project.run("quick", options=("--dry-run",)))
    line = text.splitlines().index("quick:") + 2
    assert f"{config}, line {line}: " in message and "spaces" in message


def test_numbers_in_lists_come_by_a_file(project):
    run = project.run("quick", options=("--dry-run", "--config", "seeds=[5]"))
    assert "--configfile: --config makes text of it" in message_of(run)


@pytest.mark.parametrize(
    ("target", "change", "named"),
    [
        ("mnist_all/lasso", {}, ("lasso", "two classes")),
        ("independent/saliency", {"saliency": {"examples": 81}}, ("81", "80")),
        ("independent/shap", {"shap": {"background": 321}}, ("321", "320")),
    ],
)
def test_a_method_that_cannot_be_applied(built, target, change, named):
    original = built.overlay.read_text(encoding="utf-8")
    settings = built.settings
    settings["quick"]["methods"] |= change
    built.configure(settings)
    try:
        result = built.run(f"results/quick/relevance/{target}.csv")
    finally:
        built.overlay.write_text(original, encoding="utf-8")
    message = message_of(result)
    assert all(name in message for name in named)
    assert not (built.root / f"results/quick/relevance/{target}.csv").exists()


def test_an_unknown_method_is_refused_before_anything_runs(project):
    target = "results/quick/relevance/independent/guessing.csv"
    result = project.run(target, options=("--dry-run",))
    assert result.returncode != 0
    assert "expected a relevance method, found 'guessing'" in result.stdout
    assert "the methods are integrated_gradients, lasso" in result.stdout


def test_a_missing_mirror_folder_is_named(project):
    settings = project.settings
    settings["data"]["mnist"]["mirror"] = "/no/such/folder"
    project.configure(settings)
    message = message_of(project.run("data/mnist/sources.json"))
    assert "data.mnist.mirror" in message
    assert "/no/such/folder" in message
    assert not outputs(project, "data")


def test_a_corrupted_mnist_file_is_named(project):
    damaged = project.raw / "train-images-idx3-ubyte"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\x01")
    message = message_of(project.run("data/mnist/sources.json"))
    assert "train-images-idx3-ubyte" in message
    assert "sha256" in message
    assert not outputs(project, "data")


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ({"short_spectrum": 3}, "m0003V.fits"),
        ({"metallicity_text": (3, "-0.x1")}, "-0.x1"),
    ],
)
def test_a_damaged_stellar_library_is_named(project, fault, named):
    settings = project.settings
    settings["data"]["miles"]["files"] = tiny_data.write_miles(project.raw, **fault)
    project.configure(settings)
    result = project.run("results/quick/datasets/stellar/data.npz")
    assert named in message_of(result)
    assert not outputs(project, "results/quick/datasets")
