"""The leash of a ticket: what bounds its session, and who talks (realtime voice, 2.7).

Members of the mint's body, beside `config`. A leash narrows and never widens: where the
server's own limit is lower, that one counts. The client has no say in it.
"""

from typing import Annotated, Any

import msgspec

from ringline.domain import limits
from ringline.domain.members import means
from ringline.domain.origins import is_origin

_AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]
_Positive = Annotated[float, msgspec.Meta(gt=0)]
_Seconds = Annotated[int, msgspec.Meta(ge=1, le=limits.LEASH_S.most)]


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a session may use, in up to three units; the first one to run out ends it."""

    tokens: Annotated[
        _AtLeastOne | None, means("tokens of all kinds, as the voice reports them; from 1", "none")
    ] = None
    audio_seconds: Annotated[
        _Positive | None,
        means(
            "seconds of audio, above 0: what the voice was given and what was sent to the client, "
            "together",
            "none",
        ),
    ] = None
    usd: Annotated[_Positive | None, means("US dollars, above 0, by the price table", "none")] = (
        None
    )


#: A budget without a limit, which no ticket has.
UNLIMITED = Budget()


class Leash(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a ticket's minter says of its session besides the config; None is no word on it."""

    max_duration_seconds: Annotated[
        _Seconds | None,
        means(
            f"how long the session may last from `session.started`, 1 to {limits.LEASH_S.most:,}",
            "the server's limit, 3,600",
        ),
    ] = None
    idle_timeout_seconds: Annotated[
        _Seconds | None,
        means(
            f"how long the client may send no frame, 1 to {limits.LEASH_S.most:,}; silent audio "
            "is a frame, a ping is none",
            "the server's limit, 300",
        ),
    ] = None
    budget: Annotated[
        Budget | None, means("what the session may use; at least one of its members", "none")
    ] = None
    allowed_tools: Annotated[
        tuple[str, ...] | None,
        means(
            "names of the tools that the session may use; all others are removed from its config, "
            "no matter who added them. `[]` allows none",
            "all",
        ),
    ] = None
    allowed_origins: Annotated[
        tuple[str, ...] | None,
        means(
            f"1 to {limits.LEASH_ORIGINS.most} origins of pages that may open the session, as "
            "browsers write them: `https://app.example.com`",
            "all",
        ),
    ] = None
    concurrency: Annotated[
        _AtLeastOne | None,
        means("how many live sessions `subject` may have in the environment; from 1", "no limit"),
    ] = None
    subject: Annotated[
        str | None,
        means(
            f"who talks, 1 to {limits.SUBJECT_BYTES.most} bytes: the call is `from` "
            "`web:<subject>`",
            "`anonymous`",
        ),
    ] = None
    metadata: Annotated[
        dict[str, Any] | None,
        means(
            f"your own data, at most {limits.SESSION_METADATA_BYTES.most // 1024} KiB of JSON: "
            "`metadata` of the call in RPC, never shown to the client",
            "none",
        ),
    ] = None
    recording_consent: Annotated[
        bool | None, means("whether the caller agrees to be recorded", "not asked")
    ] = None

    @property
    def tools(self) -> frozenset[str] | None:
        """Return the names of the tools that the session may have; None is all."""
        return None if self.allowed_tools is None else frozenset(self.allowed_tools)


#: The leash of a session that has none.
UNLEASHED = Leash()


def flaw_of(leash: Leash) -> str | None:
    """Return what is wrong with a leash of the right types; the member's name comes first."""
    if leash.budget is not None and leash.budget == UNLIMITED:
        return "budget: needs one of tokens, audio_seconds and usd"
    if "" in (leash.allowed_tools or ()):
        return "allowed_tools: a name must not be empty"
    if leash.allowed_origins is not None:
        if not 1 <= len(leash.allowed_origins) <= limits.LEASH_ORIGINS.most:
            return f"allowed_origins: needs 1 to {limits.LEASH_ORIGINS.most} origins"
        for index, origin in enumerate(leash.allowed_origins):
            if not is_origin(origin):
                return (
                    f"allowed_origins[{index}]: not an origin as browsers write it, such as "
                    "https://app.example.com"
                )
    if leash.concurrency is not None and leash.subject is None:
        return "concurrency: needs subject"
    if leash.subject is not None and not 1 <= len(leash.subject.encode()) <= _SUBJECT:
        return f"subject: needs 1 to {_SUBJECT} bytes"
    if leash.metadata is not None and len(msgspec.json.encode(leash.metadata)) > _METADATA:
        return f"metadata: has more than {_METADATA} bytes of JSON"
    return None


_SUBJECT = limits.SUBJECT_BYTES.most
_METADATA = limits.SESSION_METADATA_BYTES.most
