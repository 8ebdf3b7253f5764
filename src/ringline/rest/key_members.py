"""The API keys of a workspace, as `/v1` shows them (live streams, 6.11)."""

from ringline.domain.credentials import Key, key_prefix
from ringline.domain.ids import Prefix, format_id
from ringline.domain.log import Environment
from ringline.domain.members import Member, Shape
from ringline.rest.route import Members
from ringline.wire.times import seconds

MODES = tuple(Environment)

KEY: Members = (
    Member("key_id", Shape.TEXT, "the key, `key_…`; a rotation does not change it"),
    Member("label", Shape.TEXT, "what to recognise it by; one label, one key"),
    Member("mode", Shape.TEXT, "the environment that it belongs to", words=MODES),
    Member("prefix", Shape.TEXT, "how it begins: `sk_live_` or `sk_test_`"),
    Member("last_four", Shape.TEXT, "its last four characters"),
    Member("created_at", Shape.TIME, "when it was created"),
    Member("expires_at", Shape.TIME, "when it expires; null: never", null=True),
    Member(
        "last_used_at",
        Shape.TIME,
        "when its secret was last used, to some seconds; null: never",
        null=True,
    ),
)
SECRET: Members = (*KEY, Member("key", Shape.TEXT, "the key itself; shown only here"))


def show_key(key: Key) -> dict[str, object]:
    """Return a key's members, without its secret."""
    return {
        "key_id": format_id(Prefix.KEY, key.shown_id),
        "label": key.label,
        "mode": key.scope.environment.value,
        "prefix": key_prefix(key.kind, key.scope.environment),
        "last_four": key.last_four,
        "created_at": seconds(key.created_at),
        "expires_at": None if key.expires_at is None else seconds(key.expires_at),
        "last_used_at": None if key.last_used_at is None else seconds(key.last_used_at),
    }


def show_secret(key: Key, text: str) -> dict[str, object]:
    """Return a key's members with its secret."""
    return show_key(key) | {"key": text}
