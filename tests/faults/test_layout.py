"""Other numbers of cores, and of replicas in a job."""

import pandas as pd
from checkout import Checkout, assert_same_tables, tables

EXPERIMENT = "correlated"


def build(project: Checkout, seeds_per_job: int) -> dict[str, pd.DataFrame]:
    project.forget("results")
    project.change(EXPERIMENT, seeds_per_job=seeds_per_job)
    project.finish(f"results/quick/relevance/{EXPERIMENT}/spectral.csv")
    return {
        name: table
        for name, table in tables(project, EXPERIMENT).items()
        if "models" not in name  # a file for each job
    }


def in_order(table: pd.DataFrame) -> pd.DataFrame:
    keys = list(table.select_dtypes(exclude=float))
    return table.sort_values(keys, ignore_index=True)


def test_cores(project, outcome):
    project.cores = 1
    one = build(project, seeds_per_job=1)
    project.cores = 2
    assert_same_tables(build(project, seeds_per_job=1), one)
    outcome("`--cores 1` and `--cores 2`", "both complete", "same tables")


def test_replicas(project, outcome):
    settings = project.settings
    settings["quick"]["seeds"] = list(range(10))
    project.configure(settings)
    alone, together = build(project, 1), build(project, 10)
    assert alone.keys() == together.keys()
    largest = 0.0
    for name in alone:
        one, ten = (in_order(found[name]) for found in (alone, together))
        pd.testing.assert_frame_equal(one, ten, rtol=1e-4, atol=1e-5, obj=name)
        floats = one.select_dtypes(float)
        largest = max(largest, (floats - ten[floats.columns]).abs().max().max())
    outcome(
        "1 and 10 replicas per job",
        "both complete",
        f"tables that differ by rounding, {largest:.0e} at most"
        if largest
        else "same tables (elsewhere they may differ by rounding)",
    )
