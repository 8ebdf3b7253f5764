"""`python -m benchmarks [NAME …]`: measure, print tables, write them to docs/benchmarks.md."""

import argparse
from functools import partial
from pathlib import Path

from benchmarks.answers import answers
from benchmarks.byom import byom
from benchmarks.console.run import console_budgets
from benchmarks.detection import detection
from benchmarks.events import latency, many_watchers
from benchmarks.fanout.run import fanout
from benchmarks.hostile.surfaces import SURFACES
from benchmarks.ledger import ledger
from benchmarks.lists import lists
from benchmarks.many_calls import many_calls
from benchmarks.neighbours import neighbours
from benchmarks.pages import pages
from benchmarks.queries import queries
from benchmarks.relay import relay
from benchmarks.relay_upstream import relay_upstream
from benchmarks.report import write
from benchmarks.rest import rest
from benchmarks.rollover import rollover
from benchmarks.start import size, start
from benchmarks.tickets import tickets
from benchmarks.usage import usage
from benchmarks.voices import voices
from benchmarks.webhooks import webhooks

BENCHMARKS = {
    "start": start,
    "size": size,
    "events": latency,
    "watchers": many_watchers,
    "fanout": fanout,
    "answers": answers,
    "ledger": ledger,
    "detection": detection,
    "tickets": tickets,
    "lists": lists,
    "rest": rest,
    "pages": pages,
    "calls": many_calls,
    "queries": queries,
    "relay": relay,
    "relay-upstream": relay_upstream,
    "voices": voices,
    "rollover": rollover,
    "usage": usage,
    "byom": byom,
    "webhooks": webhooks,
    "neighbours": neighbours,
    "console": console_budgets,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument(
        "--dry", action="store_true", help="try it out: little data, one round, print only"
    )
    flooded = parser.add_argument_group("neighbours")
    flooded.add_argument(
        "--seconds",
        type=float,
        metavar="N",
        help="flood each surface for so long [default: 20]; watch the console's memory for so long "
        "[default: 1800]",
    )
    flooded.add_argument(
        "--only", nargs="+", choices=SURFACES, metavar="SURFACE", help="; ".join(SURFACES)
    )
    flooded.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="append every round to a file, as JSON; what it holds whole is not measured again",
    )
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    prints_only = asked.dry or asked.only is not None
    for name in asked.names or BENCHMARKS:
        benchmark = BENCHMARKS[name]
        if benchmark is neighbours:
            benchmark = partial(
                neighbours,
                seconds=asked.seconds,
                only=asked.only or (),
                record=asked.record,
                partly=(lambda part: None) if prints_only else write,
            )
        elif benchmark is console_budgets:
            benchmark = partial(console_budgets, seconds=asked.seconds)
        section = benchmark(tiny=asked.dry)
        print(section.render(), flush=True)
        if not prints_only:
            write(section)


if __name__ == "__main__":
    main()
