"""`python -m benchmarks [NAME …]`: measure, print tables, write them to docs/benchmarks.md."""

import argparse

from benchmarks.answers import answers
from benchmarks.events import latency, many_watchers
from benchmarks.lists import lists
from benchmarks.pages import pages
from benchmarks.queries import queries
from benchmarks.report import write
from benchmarks.start import size, start
from benchmarks.tickets import tickets

BENCHMARKS = {
    "start": start,
    "size": size,
    "events": latency,
    "watchers": many_watchers,
    "answers": answers,
    "tickets": tickets,
    "lists": lists,
    "pages": pages,
    "queries": queries,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument(
        "--dry", action="store_true", help="try it out: little data, one round, print only"
    )
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    for name in asked.names or BENCHMARKS:
        section = BENCHMARKS[name](tiny=asked.dry)
        print(section.render(), flush=True)
        if not asked.dry:
            write(section)


if __name__ == "__main__":
    main()
