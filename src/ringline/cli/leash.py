"""The options of `ringline call` that leash its ticket (realtime voice, 2.7).

The server says what is wrong with a value; only text that is to become JSON is read here.
"""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter

from ringline.cli.options import read_json, read_names

#: Where the help lists them.
LEASH_GROUP = Group("The leash of its ticket", sort_key=1)


@Parameter(name="*", group=LEASH_GROUP, help="What bounds the call.")
@dataclass(frozen=True, kw_only=True)
class LeashOptions:
    """An option for each member of a leash; None is absent."""

    max_duration: Annotated[
        int | None,
        Parameter(name="--max-duration", help="How many seconds the call may last."),
    ] = None
    idle_timeout: Annotated[
        int | None,
        Parameter(
            name="--idle-timeout", help="How many seconds it may hear nothing, not even silence."
        ),
    ] = None
    budget_tokens: Annotated[
        int | None,
        Parameter(name="--budget-tokens", help="How many tokens it may use."),
    ] = None
    budget_audio: Annotated[
        float | None,
        Parameter(
            name="--budget-audio", help="How many seconds of audio it may use, both sides together."
        ),
    ] = None
    budget_usd: Annotated[
        float | None,
        Parameter(name="--budget-usd", help="How many US dollars it may cost."),
    ] = None
    allowed_tools: Annotated[
        str | None,
        Parameter(
            name="--allowed-tools",
            help="The only tools it may use: names separated by commas, or a JSON list; '' for "
            "none.",
        ),
    ] = None
    allowed_origins: Annotated[
        str | None,
        Parameter(
            name="--allowed-origins",
            help="The only origins it may come from, such as https://app.example.com: separated "
            "by commas, or a JSON list. With --origin it comes from one.",
        ),
    ] = None
    subject: Annotated[
        str | None,
        Parameter(name="--subject", help="Who calls: the call is from web:SUBJECT."),
    ] = None
    concurrency: Annotated[
        int | None,
        Parameter(name="--concurrency", help="How many calls --subject may have at a time."),
    ] = None
    metadata: Annotated[
        str | None,
        Parameter(
            name="--metadata",
            help="Your own data, as a JSON object: the call's metadata in `ringline rpc`.",
        ),
    ] = None
    recording_consent: Annotated[
        bool | None,
        Parameter(
            name="--recording-consent",
            negative="--no-recording-consent",
            help="Whether the caller agrees that the server records them.",
        ),
    ] = None

    def members(self) -> dict[str, object]:
        """Return the mint's members that have a value. Raises CommandProblem."""
        budget = _given(
            tokens=self.budget_tokens, audio_seconds=self.budget_audio, usd=self.budget_usd
        )
        return _given(
            max_duration_seconds=self.max_duration,
            idle_timeout_seconds=self.idle_timeout,
            budget=budget or None,
            allowed_tools=read_names("--allowed-tools", self.allowed_tools),
            allowed_origins=read_names("--allowed-origins", self.allowed_origins),
            subject=self.subject,
            concurrency=self.concurrency,
            metadata=read_json("--metadata", self.metadata),
            recording_consent=self.recording_consent,
        )


def _given(**members: object) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}
