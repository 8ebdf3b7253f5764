"""`ringline doctor`: what stops a server from running here, and how to fix it."""

import importlib.util
import os
import resource
import shutil
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from rich.console import Console
from rich.text import Text

from ringline.app import (
    DATABASE_PROBLEMS,
    Condition,
    check_data_dir,
    examine_database,
    missing_extra,
    read_voices,
)
from ringline.cli.console_build import digest_built, digest_of
from ringline.cli.doctor_providers import check_carriers, check_cascades, check_providers
from ringline.cli.findings import Finding, Grade
from ringline.cli.installation import checkout, line_that_finds_program, line_that_installs
from ringline.cli.options import DataDir, Json
from ringline.cli.outcome import fail, run, sentence
from ringline.cli.terminal import open_console, show_json, visible
from ringline.config import (
    LEAST_SECRET_BYTES,
    PREFIX,
    Settings,
    SettingsProblem,
    load_prices,
    secret_command,
    service_links,
)
from ringline.domain.carriers import Carrier
from ringline.domain.cascade import Cascade
from ringline.domain.limits import DESCRIPTORS_RESERVED
from ringline.web.admission import Allowance
from ringline.web.own_page import is_loopback_host

_BAD_FREE_BYTES = 200 * 1024 * 1024
_LOW_FREE_BYTES = 2 * 1024 * 1024 * 1024
_FEW_CONNECTIONS = 1_024
_CLOCK_LIMIT_S = 1.0
_BORN = datetime(2026, 1, 1, tzinfo=UTC)  # an earlier time means that the clock was never set
_VOICE_MODULES = ("espeakng_loader", "numpy", "pocketsphinx", "soundfile", "soxr", "webrtcvad")


def doctor(*, json: Json = False, data_dir: DataDir = None) -> None:
    """Check database, secrets, port, connections, voices, providers, console, time and disk.

    Says how to fix what is wrong, and changes nothing. Exits with 1 if something stops a
    server from running.
    """
    findings = _examine_settings(data_dir)
    if json:
        show_json({"findings": [_spell(finding) for finding in findings]})
    else:
        console = open_console(soft_wrap=True)
        for finding in findings:
            show_finding(finding, console)
    if bad := [finding.check for finding in findings if finding.grade is Grade.BAD]:
        fail(f"A server cannot run here yet: {', '.join(bad)}.")


def _examine_settings(data_dir: Path | None) -> list[Finding]:
    try:
        settings = Settings.read(data_dir=data_dir)
        load_prices(settings.prices_file)
        cascades = read_voices(settings).cascades
        carriers = settings.read_messaging()
        settings.refuse_plain_voices()
    except SettingsProblem as problem:  # with one invalid setting, the others cannot be checked
        return [Finding("settings", Grade.BAD, str(problem))]
    return [
        *check_variables(service_links(os.environ)),
        *run(_examine(settings, cascades, carriers=carriers)),
    ]


def check_variables(links: Sequence[str]) -> list[Finding]:
    """Report environment variables that are ignored; None if there are none."""
    if not links:
        return []
    return [
        Finding(
            "settings",
            Grade.WARNING,
            f"ignored as service links of Kubernetes: {', '.join(links)}",
            "Set enableServiceLinks: false in the pod's specification.",
        )
    ]


async def _examine(
    settings: Settings, cascades: Sequence[Cascade], *, carriers: Sequence[Carrier]
) -> list[Finding]:
    port = await _check_port(settings)
    findings = [finding async for finding in _check_database(settings, port.grade)]
    findings.append(check_secrets(settings))
    findings.append(port)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    findings.append(check_connections(*limits, per_address=settings.max_connections_per_address))
    findings.append(check_voices(settings))
    findings += await check_providers(settings.providers, os.environ)
    findings += await check_cascades(cascades)
    findings += await check_carriers(carriers)
    findings.append(check_command())
    if settings.console:
        findings.append(check_console(checkout()))
        findings += check_console_address(settings.public_url, settings.console_allow_plain)
    findings.append(check_clock(datetime.now(UTC)))
    findings.append(check_disk(settings.data_dir))
    return findings


async def _check_database(settings: Settings, port: Grade) -> AsyncGenerator[Finding]:
    try:
        if settings.database_url is None and not check_data_dir(settings.data_dir):
            found = f"embedded; the first start creates it in {settings.data_dir}"
            yield Finding("database", Grade.GOOD, found)
            return
        examined = await examine_database(settings)  # raises what `serve` would raise
    except Exception as error:
        reason = sentence(error, *DATABASE_PROBLEMS)
        if not reason:
            raise
        yield Finding("database", Grade.BAD, reason)
        return
    embedded = settings.database_url is None
    what = f"embedded, in {settings.data_dir}" if embedded else f"PostgreSQL {examined.version}"
    yield judge_database(what, examined, port=port)
    yield Finding("roles", Grade.GOOD, "row-level security applies to the server's role")
    if examined.open_to_all and not embedded:
        yield Finding(
            "roles",
            Grade.WARNING,
            "every role in its PostgreSQL cluster may connect to the database",
            "Run `ringline migrate` as the database's owner: it lets only the server connect.",
        )


def judge_database(what: str, found: Condition, *, port: Grade) -> Finding:
    """Check whether a suitable database is free, and whether its clock is right."""
    apart_s = abs((datetime.now(UTC) - found.clock).total_seconds())
    if found.owned and port is not Grade.WARNING:  # the lock is not held by a server on our port
        return Finding(
            "database",
            Grade.BAD,
            f"{what}; another Ringline server is using it, and only one may at a time",
            "Stop that server, or give this one its own database.",
        )
    if apart_s > _CLOCK_LIMIT_S:
        return Finding(
            "database",
            Grade.WARNING,
            f"{what}; its clock is {apart_s:.0f} s apart from this machine's",
            "Synchronise both clocks with NTP.",
        )
    return Finding("database", Grade.GOOD, f"{what}; it answers")


def check_secrets(settings: Settings) -> Finding:
    """Check whether the secrets that are set are long enough."""
    if weak := settings.weak_secrets():
        return Finding(
            "secrets",
            Grade.BAD,
            f"fewer than {LEAST_SECRET_BYTES} bytes: {', '.join(weak)}",
            f"No server starts with them; {secret_command(weak[0])} generates a better one.",
        )
    unset = [name for name in settings.missing_to_serve() if not name.endswith("DATABASE_URL")]
    if not unset:
        return Finding("secrets", Grade.GOOD, "long enough")
    if settings.database_url is None:
        return Finding(
            "secrets", Grade.GOOD, f"{', '.join(unset)}: `ringline dev` generates its own"
        )
    return Finding(
        "secrets",
        Grade.WARNING,
        f"not set: {', '.join(unset)}",
        f"`ringline serve` requires them; {secret_command(unset[0])} generates a secret.",
    )


async def _check_port(settings: Settings) -> Finding:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    place = f"{host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            reason = (error.strerror or "unknown error").lower()
        else:
            return Finding("port", Grade.GOOD, f"{place} is free")
    if await _is_ringline(f"http://{place}/healthz"):
        return Finding(
            "port",
            Grade.WARNING,
            f"a Ringline server answers at {place}",
            "If that is not the server you mean, choose another port with --port or RINGLINE_PORT.",
        )
    return Finding(
        "port",
        Grade.BAD,
        f"{place}: {reason}",
        "Choose another with --port or RINGLINE_PORT; 0 picks any free one.",
    )


async def _is_ringline(url: str) -> bool:
    timeout = aiohttp.ClientTimeout(total=2)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


def check_connections(soft: int, hard: int, *, per_address: int | None = None) -> Finding:
    """Report how many connections the descriptor limit allows.

    The hard limit counts: a server raises its soft limit to it. `per_address` is the setting.
    """
    if hard == resource.RLIM_INFINITY:
        return Finding("connections", Grade.GOOD, "as many as the system has descriptors")
    allowance = Allowance.of_descriptors(hard, per_address)
    found = (
        f"{allowance.most} at once, {allowance.per_address or 'all'} of them of one address: "
        f"{hard} descriptors (soft limit {soft}), {DESCRIPTORS_RESERVED.most} kept"
    )
    if allowance.most < _FEW_CONNECTIONS:
        return Finding(
            "connections",
            Grade.WARNING,
            found,
            "Raise the hard limit: `ulimit -Hn`, systemd's LimitNOFILE=, a container's --ulimit.",
        )
    return Finding("connections", Grade.GOOD, found)


def check_voices(settings: Settings) -> Finding:
    """Check whether the packages of the local voice and of its detector are installed."""
    if extra := missing_extra(settings):
        return Finding(
            "voices",
            Grade.BAD,
            f"RINGLINE_VOICE_ACTIVITY_DETECTOR is {settings.voice_activity_detector}, and the "
            f"extra `{extra}` is not installed",
            line_that_installs(extra),
        )
    missing = [name for name in _VOICE_MODULES if importlib.util.find_spec(name) is None]
    if missing:
        return Finding(
            "voices",
            Grade.WARNING,
            f"missing from the extra `local`: {', '.join(missing)}",
            line_that_installs("local"),
        )
    detector = settings.voice_activity_detector
    return Finding(
        "voices", Grade.GOOD, f"the local voice is installed; its detector is `{detector}`"
    )


def check_command() -> Finding:
    """Check whether `ringline`, as all advice calls it, is this installation."""
    if line := line_that_finds_program():
        return Finding(
            "command", Grade.WARNING, "`ringline` on the path is not this installation", line
        )
    return Finding("command", Grade.GOOD, "`ringline` is found")


def check_console(root: Path | None) -> Finding:
    """Check whether a checkout's browser console is built from what the checkout holds."""
    if root is None:
        return Finding("console", Grade.GOOD, "part of this installation")
    built = digest_built(root)
    if built is None:
        return Finding("console", Grade.WARNING, "it has not been built", "make console")
    if built != digest_of(root):
        return Finding("console", Grade.WARNING, "built from older sources", "make console")
    return Finding("console", Grade.GOOD, "built from these sources")


def check_console_address(public_url: str | None, allow_plain: bool) -> list[Finding]:
    """Check whether people may sign in to the console at the public URL."""
    url = urlsplit(public_url or "")
    name = f"{PREFIX}PUBLIC_URL"
    findings: list[Finding] = []
    if url.scheme == "http" and not is_loopback_host(url.netloc) and not allow_plain:
        found = f"nobody signs in over the plain http of {name} from another machine"
        findings.append(
            Finding("console", Grade.WARNING, found, "Put a proxy with https before the server.")
        )
    return findings


def check_clock(now: datetime) -> Finding:
    """Check whether the clock was ever set."""
    if now < _BORN:
        return Finding(
            "time",
            Grade.BAD,
            f"the clock says {now:%Y-%m-%d}",
            "Set it: tickets and tokens expire by this clock.",
        )
    return Finding("time", Grade.GOOD, f"{now:%Y-%m-%d %H:%M:%S} UTC")


def check_disk(data_dir: Path) -> Finding:
    """Check whether the disk has room, and whether we may write to it."""
    place = next(path for path in (data_dir, *data_dir.absolute().parents) if path.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding(
            "disk",
            Grade.BAD,
            f"{place} is not writable",
            "Choose another with --data-dir or RINGLINE_DATA_DIR.",
        )
    free = shutil.disk_usage(place).free
    found = f"{free / 1024**3:.1f} GiB free in {place}"
    if free < _LOW_FREE_BYTES:
        grade = Grade.BAD if free < _BAD_FREE_BYTES else Grade.WARNING
        return Finding("disk", grade, found, "Free some space: no call can begin on a full disk.")
    return Finding("disk", Grade.GOOD, found)


def show_finding(finding: Finding, console: Console) -> None:
    """Print a finding on one line, and its advice on the next."""
    sign, style = {
        Grade.GOOD: ("✓", "green"),
        Grade.WARNING: ("!", "yellow"),
        Grade.BAD: ("✗", "bold red"),
    }[finding.grade]
    line = Text(f"{sign} {finding.check:<11} ", style)
    line.append(visible(finding.found), "default")
    if finding.advice:
        line.append(f"\n  {'':<12}→ {visible(finding.advice)}", "bold")
    console.print(line)


def _spell(finding: Finding) -> dict[str, str]:
    return {
        "check": finding.check,
        "state": finding.grade.value,
        "found": finding.found,
        "advice": finding.advice,
    }
