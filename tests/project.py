"""A copy of the repository, small raw data, and Snakemake with the network off."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

import tiny_data

REPOSITORY = Path(__file__).resolve().parents[1]
# An address where nothing answers: whoever asks the network is refused at once.
NOWHERE = "http://127.0.0.1:9"


class Project:
    """A checkout in a temporary folder with raw data of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.raw = folder / "raw"
        self.cache = folder / "cache"
        self.overlay = folder / "tiny.yaml"
        self.root.mkdir(parents=True)
        for name in ("Makefile", "Snakefile", "environment.yml"):
            shutil.copy(REPOSITORY / name, self.root)
        for name in ("config", "profiles", "src", "workflow"):
            shutil.copytree(
                REPOSITORY / name,
                self.root / name,
                ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"),
            )
        settings = yaml.safe_load(
            Path(__file__).with_name("tiny.yaml").read_text(encoding="utf-8")
        )
        settings["data"] = {
            "mnist": {
                "mirror": str(self.raw),
                "files": tiny_data.write_mnist(self.raw),
            },
            "miles": {
                "mirror": str(self.raw),
                "files": tiny_data.write_miles(self.raw),
            },
        }
        self.configure(settings)

    @property
    def settings(self) -> dict:
        return yaml.safe_load(self.overlay.read_text(encoding="utf-8"))

    def configure(self, settings: dict) -> None:
        self.overlay.write_text(yaml.safe_dump(settings), encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "SPECTRAL_RELEVANCE_CACHE": str(self.cache),
            "HTTP_PROXY": NOWHERE,
            "HTTPS_PROXY": NOWHERE,
            "PIP_INDEX_URL": NOWHERE,
            "PIP_EXTRA_INDEX_URL": "",
            "PIP_FIND_LINKS": "",
            "PIP_RETRIES": "0",
            "npm_config_registry": NOWHERE,
            "npm_config_fetch_retries": "0",
        }

    def command(self, *targets: str, options: tuple[str, ...] = ()) -> list[str]:
        return [
            *(sys.executable, "-m", "snakemake", *options, "--cores", "2"),
            *("--configfile", str(self.overlay), "--", *targets),
        ]

    def run(
        self, *targets: str, options: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*targets, options=options),
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )

    def planned(self, *targets: str) -> dict[str, int]:
        """Return how many jobs of each rule a run would execute."""
        result = self.run(*targets, options=("--dry-run", "--quiet", "rules"))
        assert result.returncode == 0, result.stdout
        if "Nothing to be done" in result.stdout:
            return {}
        table = result.stdout.split("Job stats:")[1].split("total")[0]
        rows = [line.split() for line in table.splitlines()[3:] if line.strip()]
        return {name: int(count) for name, count in rows}
