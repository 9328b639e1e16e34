"""Something else where an output belongs."""

import shutil

import pytest
from checkout import SHORT, message_of

DATASET = "results/quick/datasets/correlated/data.npz"
MODELS = "results/quick/models/correlated"


@pytest.mark.parametrize(
    ("stray", "kind", "said", "hint"),
    [
        pytest.param(
            *(MODELS, "a file where a folder belongs", "Not a directory", MODELS),
            id="file",
        ),
        pytest.param(
            *(DATASET, "a folder where a file belongs", "Is a directory"),
            "remove the folder",
            id="folder",
        ),
        pytest.param(
            *(DATASET, "a text where a dataset belongs", "expected datasets"),
            "delete the file",
            id="text",
        ),
    ],
)
def test_a_stray(project, complete, stray, kind, said, hint, outcome):
    project.forget_results("correlated")
    project.forget(stray)
    path = project.root / stray
    if kind.startswith("a folder"):
        path.mkdir()
        note = path / "note.txt"
    else:
        note = path
    note.write_text("mine")
    result = project.run(SHORT)
    assert result.returncode != 0
    assert said in result.stdout
    assert hint in result.stdout
    # Above that message, Snakemake shows a traceback of its own.
    if stray == DATASET:
        message_of(result)
    assert not (project.root / SHORT).exists()
    assert note.read_text() == "mine", "it is not ours to throw away"
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    project.finish(SHORT)
    complete("correlated")
    outcome(
        kind,
        f"“{said}”, with the path; it is left alone",
        "once removed, complete; same tables",
    )
