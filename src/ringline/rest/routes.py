"""The table of routes under `/v1`; another resource adds its rows here."""

from ringline.rest import (
    agent_routes,
    analytics_routes,
    call_control_routes,
    call_placing_routes,
    call_record_routes,
    conversation_routes,
    key_routes,
    message_routes,
    number_routes,
    opt_out_routes,
    playback_routes,
    routing_routes,
    webhook_routes,
    workspace_routes,
)
from ringline.rest.route import Route

ROUTES: tuple[Route, ...] = (
    *workspace_routes.ROUTES,
    *agent_routes.ROUTES,
    *call_placing_routes.ROUTES,
    *call_record_routes.ROUTES,
    *call_control_routes.ROUTES,
    *playback_routes.ROUTES,
    *message_routes.ROUTES,
    *conversation_routes.ROUTES,
    *opt_out_routes.ROUTES,
    *analytics_routes.ROUTES,
    *number_routes.ROUTES,
    *routing_routes.ROUTES,
    *key_routes.ROUTES,
    *webhook_routes.ROUTES,
)
