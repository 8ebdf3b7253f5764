"""Expectations of errors by their fields: an exception's text is no interface."""

import pytest

from ringline.domain.unavailable import Unavailable, UnavailableReason
from ringline.ports import EntryRefused, Violation


def refused_for(why: Violation, sqlstate: str | None = None) -> pytest.RaisesExc[EntryRefused]:
    """Expect that the database refuses something, with this SQLSTATE if one is given."""
    return pytest.raises(
        EntryRefused,
        check=lambda error: error.violation is why and sqlstate in (None, error.sqlstate),
    )


def unavailable_for(reason: UnavailableReason) -> pytest.RaisesExc[Unavailable]:
    """Expect Unavailable, for this reason."""
    return pytest.raises(Unavailable, check=lambda error: error.reason is reason)
