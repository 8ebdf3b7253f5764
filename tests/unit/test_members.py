"""Tables of members that are made from the class which reads or writes the object."""

from enum import StrEnum
from typing import Annotated

import msgspec
import pytest

from ringline.domain.members import REQUIRED, Member, Shape, means, members_of


class Colour(StrEnum):
    RED = "red"


class Wheel(msgspec.Struct, frozen=True):
    size: Annotated[float, means("in inches")]
    spokes: Annotated[int, means("how many")] = 28


class Bicycle(msgspec.Struct, frozen=True):
    name: Annotated[str, means("what it is called", REQUIRED)] = ""
    wheels: Annotated[tuple[Wheel, ...], means("from the front")] = ()
    basket: Annotated[Wheel | None, means("an odd one", "none")] = None
    notes: Annotated[dict[str, str], means("what is known")] = {}
    colour: Annotated[Colour, means("of the frame")] = Colour.RED
    bell: Annotated[bool, means("has one")] = True
    tags: Annotated[tuple[str, ...], means("words")] = ("new",)


WHEEL = (
    Member("size", Shape.NUMBER, "in inches"),
    Member("spokes", Shape.INTEGER, "how many", "28"),
)


def test_a_class_says_shapes_meanings_and_defaults() -> None:
    assert members_of(Bicycle) == (
        Member("name", Shape.TEXT, "what it is called"),
        Member("wheels", Shape.OBJECT, "from the front", "[]", members=WHEEL, many=True),
        Member("basket", Shape.OBJECT, "an odd one", "none", members=WHEEL),
        Member("notes", Shape.OBJECT, "what is known", "{}"),
        Member("colour", Shape.TEXT, "of the frame", '"red"'),
        Member("bell", Shape.BOOLEAN, "has one", "true"),
        Member("tags", Shape.TEXT, "words", '["new"]', many=True),
    )


def test_a_member_without_a_meaning_is_refused() -> None:
    class Silent(msgspec.Struct):
        name: str = ""

    with pytest.raises(AssertionError, match="name is documented"):
        members_of(Silent)
