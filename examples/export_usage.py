"""Write a calendar month of the usage ledger as CSV to the standard output.

    URL=http://127.0.0.1:7400 KEY=sk_live_… python3 examples/export_usage.py 2026-11 >usage.csv

It reads page by page, so a month may be as long as it likes. Python alone is enough.
"""

import csv
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import Request, urlopen

URL, KEY = os.environ["URL"], os.environ["KEY"]
FIELDS = [
    "id",
    "occurredAt",
    "callUuid",
    "agentId",
    "model",
    "kind",
    "audioInTokens",
    "audioCachedTokens",
    "audioOutTokens",
    "textInTokens",
    "textCachedTokens",
    "textOutTokens",
    "seconds",
    "textItems",
    "usd",
    "pricesDate",
]


def run(action: str, **members: object) -> Any:
    """Run an RPC action; return its data. Raises SystemExit with what the server says."""
    body = json.dumps({"action": action, **members}).encode()
    headers = {"X-API-Key": KEY, "Content-Type": "application/json"}
    with urlopen(Request(f"{URL}/rpc/public/run", body, headers), timeout=30) as answer:
        told = json.load(answer)
    if not told["success"]:
        raise SystemExit("\n".join(error["message"] for error in told["errors"]))
    return told["data"]


def rows_of(month: str) -> Iterator[dict[str, Any]]:
    """Yield a month's rows, oldest first."""
    begins = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    ends = (begins + timedelta(days=31)).replace(day=1)
    within = {"occurredAt": {"gte": begins.isoformat(), "lt": ends.isoformat()}}
    page: dict[str, object] | None = {"limit": 250}
    while page is not None:
        # The order that has an index for the filter; each page begins behind the one before.
        found = run("list_usage", fields=FIELDS, filter=within, sort="occurredAt", page=page)
        yield from found["results"]
        page = {"limit": 250, "after": found["nextPage"]} if found["nextPage"] else None


def main() -> None:
    table = csv.DictWriter(sys.stdout, FIELDS)
    table.writeheader()
    table.writerows(rows_of(sys.argv[1]))


if __name__ == "__main__":
    main()
