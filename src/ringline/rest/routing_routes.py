"""The rows of the routes of routing rules (live streams, 6.1: rows 28 and 29)."""

from dataclasses import replace

from ringline.domain.ids import Prefix
from ringline.rest import routing_actions as act
from ringline.rest import routing_members as shown
from ringline.rest.number_routes import NUMBER_ID, NUMBERS, TAG
from ringline.rest.route import Input, Paging, PathId, Route
from ringline.rpc.kinds import Id, Integer

_RULES = "/v1/routing-rules"
_RULE = f"{_RULES}/{{rule_id}}"
_RULE_ID = PathId("rule_id", Prefix.ROUTING_RULE, "the rule's id")


def _with(one: Input, default: str) -> Input:
    """Return an input that need not be sent."""
    return replace(one, member=replace(one.member, default=default))


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        f"{NUMBERS}/{{number_id}}/route",
        "explainRoute",
        TAG,
        "Say who would answer a number",
        act.explain_route,
        "Who, and why",
        "What calls and messages ask too: nothing rings, and nothing is stored. Rules listen to "
        "the first utterance of a call, or a message; those whose agent is disabled or deleted "
        "do not count.",
        ids=(NUMBER_ID,),
        query=shown.QUESTION,
        answers=shown.ROUTE,
    ),
    Route(
        "POST",
        _RULES,
        "createRoutingRule",
        TAG,
        "Create a routing rule",
        act.create_rule,
        "The rule",
        "RPC's `create_routing_rule` makes the same ones. A priority that another rule of the "
        "number has is 409. Patterns are RE2's, which has no look-arounds and no back-references; "
        "`(?i)` ignores case.",
        201,
        body=(shown.NUMBER_ID, *shown.SETTINGS),
        answers=shown.RULE,
        errors=("NOT_FOUND", "ALREADY_EXISTS"),
        idempotent=True,
    ),
    Route(
        "GET",
        _RULES,
        "listRoutingRules",
        TAG,
        "List routing rules",
        act.list_rules,
        "A page of rules",
        "By number, and then as they are tried: by ascending priority.",
        query=(_with(shown.NUMBER_ID, "all numbers"),),
        answers=shown.RULE,
        paging=Paging("routing_rules", (Id(Prefix.PHONE_NUMBER), Integer())),
    ),
    Route(
        "PATCH",
        _RULE,
        "updateRoutingRule",
        TAG,
        "Change a routing rule",
        act.update_rule,
        "The rule as it is now",
        ids=(_RULE_ID,),
        body=tuple(_with(one, "unchanged") for one in shown.SETTINGS),
        answers=shown.RULE,
        errors=("ALREADY_EXISTS",),
    ),
    Route(
        "DELETE",
        _RULE,
        "deleteRoutingRule",
        TAG,
        "Delete a routing rule",
        act.delete_rule,
        "It is deleted",
        status=204,
        ids=(_RULE_ID,),
    ),
)
