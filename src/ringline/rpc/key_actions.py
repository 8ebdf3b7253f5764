"""The actions on keys, for people alone: an API key must not make API keys (console, 5.3)."""

from datetime import timedelta

from ringline.domain import v1_limits
from ringline.domain.credentials import KeyKind
from ringline.domain.ids import Prefix
from ringline.domain.log import Environment
from ringline.rpc.action import Action, ActionKind, Answer, Input
from ringline.rpc.action_rows import list_of
from ringline.rpc.audit_resources import KEY, KINDS
from ringline.rpc.context import ActionContext, Values
from ringline.rpc.fields import words
from ringline.rpc.kinds import Boolean, Id, Integer, Text, Timestamp
from ringline.rpc.refusals import bad_value
from ringline.services.api_keys import LabelTaken, NoSuchKey, TooManyKeys
from ringline.wire.rpc import refuse
from ringline.wire.times import micros


async def create_key(context: ActionContext, values: Values) -> object:
    """Make a key, and return it once."""
    seconds: int | None = values.get("expiresIn")
    try:
        key, text = await context.services.keys.create(
            context.caller.scope,
            values["label"],
            auditor=context.auditor,
            kind=KeyKind(values["kind"]),
            life=None if seconds is None else timedelta(seconds=seconds),
        )
    except LabelTaken:
        raise bad_value("label", "has already been taken") from None
    except TooManyKeys:
        most = v1_limits.SECRET_KEYS.most
        raise refuse("invalid_changes", f"there are {most:,} keys of this kind already") from None
    return {
        "key_id": str(key.id),
        "key": text,
        "label": key.label,
        "kind": key.kind.value,
        "environment": key.scope.environment.value,
        "last_four": key.last_four,
        "expires_at": None if key.expires_at is None else micros(key.expires_at),
    }


async def revoke_key(context: ActionContext, values: Values) -> object:
    """Revoke a key for good; one that is revoked stays so."""
    try:
        await context.services.keys.revoke(
            context.caller.scope,
            values["keyId"],
            end_calls=values["endCalls"],
            auditor=context.auditor,
        )
    except NoSuchKey:
        raise refuse("not_found") from None
    return {"revoked": True}


#: The rows of the table of actions (`actions.py`).
ROWS = (
    list_of(KEY, people=True),
    Action(
        "create_key",
        ActionKind.GENERIC,
        "Create a key of this environment",
        inputs=(
            Input("label", Text(), required=True, null=False),
            Input("kind", KINDS, null=False, default=KeyKind.SECRET.value),
            Input("expiresIn", Integer(minimum=1)),
        ),
        answers=(
            Answer("key_id", Id(Prefix.KEY)),
            Answer("key", Text()),
            Answer("label", Text()),
            Answer("kind", KINDS),
            Answer("environment", words(Environment)),
            Answer("last_four", Text()),
            Answer("expires_at", Timestamp(), null=True),
        ),
        people=True,
        secret=True,
        audited="Key",
        act=create_key,
    ),
    Action(
        "revoke_key",
        ActionKind.GENERIC,
        "Revoke a key; what it opened closes within a second, its calls if they are to end",
        inputs=(
            Input("keyId", Id(Prefix.KEY), required=True, null=False),
            Input("endCalls", Boolean(), null=False, default=False),
        ),
        answers=(Answer("revoked", Boolean()),),
        people=True,
        audited="Key",
        act=revoke_key,
    ),
)
