"""A page of the docs that changes the code, carried out on a copy of it.

Before each block the page says where it goes: "In `FILE`, after `LINE`:" (or "before", or
"instead of"), or "New file `FILE`:". The sentence may be broken over lines.
"""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]

_BLOCK = re.compile(
    r"(?:(?:In\s+`(?P<file>[^`]+)`,\s+(?P<how>after|before|instead\s+of)\s+`(?P<where>[^`]+)`)"
    r"|(?:New\s+file\s+`(?P<new>[^`]+)`)):\n\n```python\n(?P<code>.*?)```",
    re.DOTALL,
)


def carry_out(page: Path, target: Path) -> int:
    """Copy the code to a directory and do there what a page says; return how many blocks."""
    shutil.copytree(ROOT / "src", target / "src", ignore=shutil.ignore_patterns("__pycache__"))
    blocks = 0
    for block in _BLOCK.finditer(page.read_text("utf-8")):
        blocks += 1
        code = block["code"]
        if block["new"]:
            (target / block["new"]).write_text(code, "utf-8")
            continue
        path, where = target / block["file"], block["where"]
        lines = path.read_text("utf-8").splitlines(keepends=True)
        found = [place for place, line in enumerate(lines) if line.rstrip("\n").startswith(where)]
        assert len(found) == 1, f"{where!r} stands {len(found)} times in {block['file']}"
        (place,) = found
        match block["how"].split()[0]:
            case "after":
                lines.insert(place + 1, code)
            case "before":
                lines.insert(place, code)
            case _:
                lines[place] = code
        path.write_text("".join(lines), "utf-8")
    return blocks
