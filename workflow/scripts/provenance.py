"""Record how the results of one scale came about."""

import json
from pathlib import Path

import _job

from spectral_relevance.files import write_json
from spectral_relevance.replication.provenance import describe

if __name__ == "__main__":
    with _job.running(snakemake.log[0]):
        sources = {
            Path(path).parent.name: json.loads(Path(path).read_text(encoding="utf-8"))
            for path in snakemake.input.downloads
        }
        write_json(
            describe(_job.ROOT, snakemake.params.settings, sources),
            snakemake.output[0],
        )
