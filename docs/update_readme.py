"""Put the verdicts on the claims into README.md: ``make readme``.

Between the markers ``<!-- claims:SCALE -->`` and ``<!-- end -->`` stands the table that
the workflow wrote to ``results/SCALE/claims.md``.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Replace the tables of the scales that have been built."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    for scale in ("paper", "quick"):
        table = ROOT / f"results/{scale}/claims.md"
        if not table.is_file():
            print(f"README.md: no {table.relative_to(ROOT)}, table left as it is")
            continue
        text, count = re.subn(
            rf"(<!-- claims:{scale} -->\n).*?(<!-- end -->)",
            lambda match, table=table: (
                match[1] + table.read_text(encoding="utf-8") + match[2]
            ),
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            sys.exit(f"README.md: expected one <!-- claims:{scale} -->, found {count}.")
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
