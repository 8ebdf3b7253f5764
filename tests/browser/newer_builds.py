"""A build of the console as the next one would be: other names, the same pages."""

import json
import re
from pathlib import Path

from ringline.cli.console_build import STAMP

NAME = "a-newer-build"

_HASHED = re.compile(r"-[\w-]{8}(?=\.(?:js|css)\b)")
_TEXT = {".js", ".css", ".html"}


def write_newer(built: Path, folder: Path) -> None:
    """Copy a build, as if each of its scripts and styles had changed."""
    (folder / "assets").mkdir()
    stamp = json.loads((built / STAMP).read_text("utf-8"))
    names = [path.name for path in (built / "assets").iterdir() if _HASHED.search(path.name)]
    newer = {name: _HASHED.sub("-newer000", name) for name in names}
    assert len(set(newer.values())) == len(newer), "hashes alone tell no two apart"
    for path in built.rglob("*"):
        if path.is_dir():
            continue
        target = folder / path.relative_to(built)
        body = path.read_bytes()
        if path.suffix in _TEXT:
            text = body.decode("utf-8")
            for old, new in [*newer.items(), (stamp["name"], NAME)]:
                text = text.replace(old, new)
            body = text.encode("utf-8")
        target.with_name(newer.get(target.name, target.name)).write_bytes(body)
    (folder / STAMP).write_text(json.dumps({**stamp, "name": NAME}))
