"""The published run: ``make publish``, ``restore``, ``archive`` and ``readme``.

publish  judges the claims and draws the figures from the tables in results/paper and
         writes docs/replication.md, docs/replication/ and the README's verdicts. What
         has not been computed yet is marked.
restore  puts the published tables into results/paper, so that figures can be drawn, and
         a partial run continued, without training again. With --from it unpacks what
         archive wrote: weights as well, so that methods can be computed, too.
archive  writes archive.zip, to be deposited: the code of the commit and tables, figures
         and weights of a complete run, as an RO-Crate.
readme   puts the verdicts of the published run into README.md and, where they are in
         results/, those of the quick scale into docs/guide.md and what the benchmark
         found into docs/speed.md, with its figure.
"""

import argparse
import sys
from pathlib import Path

from spectral_relevance.errors import UserError
from spectral_relevance.replication.publish.commands import publish, restore
from spectral_relevance.replication.publish.readme import update_readme
from spectral_relevance.replication.publish.unpack import restore_deposit

CHECKOUT = ("Snakefile", "README.md", "config/figures.yaml", "workflow/report")
"""What tells a checkout from another folder."""


def checkout() -> Path:
    """Return the working directory, which has to be the root of a checkout."""
    root = Path.cwd()
    missing = [name for name in CHECKOUT if not (root / name).exists()]
    if missing:
        raise UserError(
            f"{root}: expected the root of a checkout, found no {missing[0]}.",
            "change to the folder of the Makefile.",
        )
    return root


def main(arguments: list[str] | None = None) -> None:
    """Run the command that is named."""
    parser = argparse.ArgumentParser(
        prog="python -m spectral_relevance.replication.publish",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=("publish", "restore", "archive", "readme"))
    parser.add_argument(
        "--commit", help="commit of results whose jobs did not record one"
    )
    parser.add_argument(
        "--from", dest="deposit", type=Path, help="what archive wrote, to restore"
    )
    options = parser.parse_args(arguments)
    try:
        root = checkout()
        if options.command == "restore":
            if options.deposit:
                restore_deposit(root, options.deposit.expanduser())
            else:
                restore(root)
        elif options.command == "archive":
            # What it needs is not among what the workflow needs.
            try:
                from spectral_relevance.replication.publish.deposit import archive
            except ModuleNotFoundError as error:
                raise UserError(
                    f"expected the package {error.name}, found none.",
                    "make archive installs what requirements.txt names.",
                ) from error
            archive(root, commit=options.commit)
        else:
            if options.command == "publish":
                publish(root, commit=options.commit)
            update_readme(root)
    except (UserError, OSError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
