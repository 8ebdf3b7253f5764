"""How many connections are let in: in all, of one address, and behind proxies."""

from ipaddress import ip_network

import pytest
from structlog.testing import capture_logs

from ringline.domain import limits
from ringline.domain.log_pace import LOG_EVERY_S
from ringline.web.admission import Admission, Allowance, Slot, host_of


class Door:
    """An admission, and a clock that is moved by hand."""

    def __init__(self, most: int, per_address: int, *proxies: str) -> None:
        self.now = 0.0
        networks = [ip_network(proxy) for proxy in proxies]
        self.admission = Admission(Allowance(most, per_address), networks, clock=lambda: self.now)

    def come(self, address: str, times: int = 1) -> list[Slot]:
        slots = [self.admission.admit(address) for _ in range(times)]
        return [slot for slot in slots if slot is not None]


def test_one_address_gets_its_share_and_leaves_the_rest() -> None:
    door = Door(4, 2)
    first = door.come("192.0.2.1", 5)
    assert len(first) == 2
    assert len(door.come("192.0.2.2", 5)) == 2
    assert not door.come("192.0.2.3"), "all are taken"
    door.admission.leave(first[0])
    assert len(door.come("192.0.2.3")) == 1


def test_without_a_share_only_the_whole_counts() -> None:
    assert len(Door(10, 0).come("192.0.2.1", 20)) == 10


def test_half_of_the_descriptors_that_are_left_are_one_address_s() -> None:
    kept = limits.DESCRIPTORS_RESERVED.most
    assert Allowance.of_descriptors(256) == Allowance(256 - kept, (256 - kept) // 2)
    assert Allowance.of_descriptors(256, 7).per_address == 7
    assert Allowance.of_descriptors(10) == Allowance(1, 1)


def test_a_proxy_s_connections_are_counted_for_the_clients_it_names() -> None:
    door = Door(100, 2, "10.0.0.0/8")
    slots = door.come("10.1.2.3", 5)
    assert len(slots) == 5, "the proxy itself is not counted"
    vouch = door.admission.vouch
    assert vouch(slots[0], ["192.0.2.1"])
    assert vouch(slots[0], ["192.0.2.1"]), "a further request on the same connection"
    assert vouch(slots[1], ["made up, 192.0.2.1, 10.9.9.9"]), "the last that is no proxy"
    assert not vouch(slots[2], ["203.0.113.9", "192.0.2.1"])
    assert vouch(slots[2], ["192.0.2.2"])
    assert vouch(slots[0], ["192.0.2.3"]), "another client's request frees the first one's slot"
    assert vouch(slots[3], ["192.0.2.1"])
    for slot in slots:
        door.admission.leave(slot)
    assert door.admission.open == 0
    assert len(door.come("192.0.2.1", 5)) == 2


def test_a_stranger_s_word_for_another_address_is_not_taken() -> None:
    door = Door(100, 1, "10.0.0.0/8")
    (slot,) = door.come("192.0.2.1")
    assert door.admission.vouch(slot, ["203.0.113.9"])
    assert not door.come("192.0.2.1")


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:1234", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("[2001:db8:1:2::9]:443", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_hosts(address: str, host: str) -> None:
    assert host_of(address) == host


def test_a_flood_is_logged_once_a_minute() -> None:
    door = Door(1, 1)
    door.come("192.0.2.1")
    with capture_logs() as logs:
        door.come("192.0.2.1", 1_000)
        door.now = LOG_EVERY_S
        door.come("192.0.2.1")
    assert [line["refused"] for line in logs] == [1, 1_000]
