"""What the routes of calls take: ids, numbers and digits."""

from ringline.domain.digits import are_digits
from ringline.domain.ids import Prefix
from ringline.domain.phone_numbers import is_e164
from ringline.rest.route import PathId
from ringline.rpc.kinds import BadValue
from ringline.wire.call_commands import BAD_DIGITS, BAD_NUMBER

CALL_ID = PathId("call_id", Prefix.CALL, "the call's id")


class PhoneNumber:
    """A number in E.164."""

    def cast(self, value: object) -> str:
        """Take a string in that form."""
        if not isinstance(value, str):
            raise BadValue("must be a string")
        if not is_e164(value):
            raise BadValue(BAD_NUMBER)
        return value


class Digits:
    """DTMF digits, pauses among them."""

    def cast(self, value: object) -> str:
        """Take a string of them."""
        if not isinstance(value, str):
            raise BadValue("must be a string")
        if not are_digits(value):
            raise BadValue(BAD_DIGITS)
        return value
