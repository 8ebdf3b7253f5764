"""What the routes of calls take: ids and digits."""

from ringline.domain.digits import are_digits
from ringline.domain.ids import Prefix
from ringline.rest.route import PathId
from ringline.rpc.kinds import BadValue
from ringline.wire.call_commands import BAD_DIGITS

CALL_ID = PathId("call_id", Prefix.CALL, "the call's id")


class Digits:
    """DTMF digits, pauses among them."""

    def cast(self, value: object) -> str:
        """Take a string of them."""
        if not isinstance(value, str):
            raise BadValue("must be a string")
        if not are_digits(value):
            raise BadValue(BAD_DIGITS)
        return value
