"""The table of routes under `/v1`; another resource adds its rows here."""

from ringline.rest import webhook_routes
from ringline.rest.route import Route

ROUTES: tuple[Route, ...] = (*webhook_routes.ROUTES,)
