"""The rows of the routes of numbers (live streams, 6.1: rows 24, 26 and 27)."""

from dataclasses import replace

from ringline.domain.ids import Prefix
from ringline.rest import number_actions as act
from ringline.rest import number_members as shown
from ringline.rest.route import Input, Paging, PathId, Route
from ringline.rpc.kinds import Id, Timestamp

TAG = "Numbers"
NUMBERS = "/v1/numbers"
NUMBER_ID = PathId("number_id", Prefix.PHONE_NUMBER, "the number's id")
_NUMBER = f"{NUMBERS}/{{number_id}}"


def _changed(one: Input) -> Input:
    """Return an input that stays as it is if it is not sent."""
    return replace(one, member=replace(one.member, default="unchanged"))


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        NUMBERS,
        "createNumber",
        TAG,
        "Add a number",
        act.create_number,
        "The number",
        "A number that you have with a carrier: none is bought, and nobody is called. RPC's "
        "`create_phone_number` makes the same ones. One that the workspace's environment has "
        "already is 409.",
        201,
        body=(shown.E164, shown.AGENT_ID, shown.CHANNELS_OF_NUMBER),
        answers=shown.NUMBER,
        errors=("NOT_FOUND", "ALREADY_EXISTS"),
        idempotent=True,
    ),
    Route(
        "GET",
        NUMBERS,
        "listNumbers",
        TAG,
        "List numbers",
        act.list_numbers,
        "A page of numbers",
        answers=shown.NUMBER,
        paging=Paging("numbers", (Timestamp(), Id(Prefix.PHONE_NUMBER))),
    ),
    Route(
        "PATCH",
        _NUMBER,
        "updateNumber",
        TAG,
        "Change a number",
        act.update_number,
        "The number as it is now",
        "Conversations that are open stay with their agent.",
        ids=(NUMBER_ID,),
        body=(_changed(shown.AGENT_ID), _changed(shown.CHANNELS_OF_NUMBER)),
        answers=shown.NUMBER,
        errors=("NOT_FOUND",),
    ),
    Route(
        "DELETE",
        _NUMBER,
        "deleteNumber",
        TAG,
        "Release a number",
        act.delete_number,
        "It is released",
        "It is not yours any more, here; its carrier is not told. Calls and conversations stay.",
        204,
        ids=(NUMBER_ID,),
    ),
)
