"""``python -m evidence``: tables and figures of the documents from ``docs/results``; ``--check`` says what differs.

``python -m evidence --keep FOLDER ...`` first keeps the tables of finished runs, each under its folder's name.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.places import filled

from evidence import figures
from evidence.pages import PAGES
from evidence.results import ROOT, keep


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evidence", description="Fill the documents' tables.")
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if a document would change")
    parser.add_argument("--keep", nargs="+", type=Path, metavar="FOLDER", help="finished runs to keep before that")
    options = parser.parse_args()
    if options.check and options.keep:
        parser.error("--check writes nothing, and --keep does: give one of them")
    try:
        for folder in options.keep or ():
            print(f"kept: {keep(folder).relative_to(ROOT)}")
        changed = _fill(write=not options.check)
        if not options.check:  # other versions of matplotlib draw other bytes, so that there is nothing to check
            figures.draw()
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print("\n".join(f"{'differs' if options.check else 'written'}: {name}" for name in changed) or "nothing changed")
    sys.exit(1 if changed and options.check else 0)


def _fill(*, write: bool) -> list[str]:
    changed = []
    for name, tables in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        new = filled(text, {place: make() for place, make in tables.items()})
        if new != text:
            changed.append(name)
            if write:
                (ROOT / name).write_text(new, encoding="utf-8")
    return changed


if __name__ == "__main__":
    main()
