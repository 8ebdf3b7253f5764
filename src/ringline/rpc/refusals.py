"""Translates services' refusals into problems (events socket, 4.6; contract, 9)."""

from collections.abc import Generator
from contextlib import contextmanager

from ringline.domain.external_call import NotPossible
from ringline.domain.spelling import camel
from ringline.services.call_control import NotActive, NotConfigured
from ringline.services.callers import NotOwnName
from ringline.services.external_calls import BadReference, NoSuchRecord
from ringline.wire.rpc import OWN_NAME_ALONE, RpcRefused, forbid, refuse


def bad_value(
    field: str, message: str | None = None, *, type_: str = "invalid_argument"
) -> RpcRefused:
    """Return the exception for a well-formed value that cannot be used."""
    return refuse(type_, message, variables={"field": field}, fields=[field])


@contextmanager
def translated(bad_reference: str = "invalid_argument") -> Generator[None]:
    """Translate a service's refusals into RpcRefused.

    `bad_reference` is the problem type for references: `invalid_attribute` when records are
    written, `invalid_argument` in generic actions.
    """
    try:
        yield
    except NotOwnName:
        raise forbid(OWN_NAME_ALONE) from None
    except NoSuchRecord:
        raise refuse("not_found") from None
    except BadReference as refused:
        raise bad_value(camel(refused.field), refused.message, type_=bad_reference) from None
    except NotPossible as refused:
        fields = [camel(refused.field)] if refused.field else []
        raise refuse("invalid_changes", refused.message, fields=fields) from None
    except NotActive:
        raise bad_value("callUuid", "the call is not active") from None
    except NotConfigured as refused:
        raise refuse("not_configured", variables={"capability": refused.capability}) from None
