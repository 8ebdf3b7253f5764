"""Application of a how-to page's code blocks to a copy of the source.

Before each block the page names its target: "In `FILE`, after `LINE`:" (or "before", or
"instead of"), or "New file `FILE`:". The sentence may wrap.
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
    """Copy the source and apply a page's blocks to it; return how many there were."""
    shutil.copytree(ROOT / "src", target / "src")
    blocks = 0
    for block in _BLOCK.finditer(page.read_text("utf-8")):
        blocks += 1
        code = block["code"]
        if block["new"]:
            (target / block["new"]).write_text(code, "utf-8")
            continue
        path, where = target / block["file"], block["where"]
        lines = path.read_text("utf-8").splitlines(keepends=True)
        found = [index for index, line in enumerate(lines) if line.rstrip("\n").startswith(where)]
        assert len(found) == 1, f"{where!r} occurs {len(found)} times in {block['file']}"
        (index,) = found
        match block["how"].split()[0]:
            case "after":
                lines.insert(index + 1, code)
            case "before":
                lines.insert(index, code)
            case _:
                lines[index] = code
        path.write_text("".join(lines), "utf-8")
    return blocks
