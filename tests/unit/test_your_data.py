"""The page for people with data of their own, from its first line to its last."""

import re
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from spectral_relevance import SpectralClassifier

PAGE = Path(__file__).resolve().parents[2] / "docs/your_data.md"


def test_the_session_of_the_page_runs_and_ends_in_a_picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 4
    names: dict = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    model, ranking = names["model"], names["ranking"]
    assert isinstance(model, SpectralClassifier)
    assert model.score(names["X_test"], names["y_test"]) > 0.9
    assert ranking["selected"].any()
    np.testing.assert_allclose(ranking["importance"].sum(), 1)
    with Image.open("ranking.png") as image:
        assert image.size == (600, 400)
        assert len(set(image.convert("RGB").getcolors(10**6))) > 20
