"""Two runs at once."""

import pytest
from checkout import LONG, Checkout, message_of


@pytest.mark.short
def test_in_one_checkout(project, complete, outcome):
    project.forget_training()
    with project.started(LONG) as process:
        project.wait_for_training()
        message = message_of(project.run(LONG))
        assert "locked" in message
        assert "--unlock" in message
        assert process.wait(180) == 0, project.output.read_text()
    complete("independent")
    assert project.planned(LONG) == {}
    outcome(
        "two runs at once in one checkout",
        "the second ended at once: the folder is locked",
        "the first was undisturbed; same tables",
    )


def test_in_two_checkouts_that_share_a_cache(project, tmp_path, outcome):
    other = Checkout(tmp_path / "other")
    other.cache = project.cache
    project.forget("data", "../cache")
    with project.started("data") as one, other.started("data") as two:
        for checkout, process in ((project, one), (other, two)):
            assert process.wait(180) == 0, checkout.output.read_text()
    for checkout in (project, other):
        assert checkout.downloads() == checkout.settings["data"]
        assert not checkout.litter()
    outcome(
        "two checkouts download into one cache at once",
        "both ended well",
        "same files in both",
    )
