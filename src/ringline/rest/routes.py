"""The table of routes under `/v1`; another resource adds its rows here."""

from ringline.rest import key_routes, webhook_routes
from ringline.rest.route import Route

ROUTES: tuple[Route, ...] = (*key_routes.ROUTES, *webhook_routes.ROUTES)
