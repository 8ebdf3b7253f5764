"""The guard of webhooks: which URLs are refused as written, and which addresses when dialled."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from ringline.domain.webhook_addresses import (
    REFUSED,
    SETTING,
    UrlRefused,
    is_refused_port,
    read_webhook_url,
    refused_range,
)


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("https://example.com", "https://example.com"),
        ("https://example.com/hook?a=b&c=%20#d", "https://example.com/hook?a=b&c=%20#d"),
        ("HTTPS://Example.COM:8443/Hook", "https://example.com:8443/Hook"),
        ("https://example.com:443/", "https://example.com:443/"),
        ("https://example.com:1024/", "https://example.com:1024/"),
        ("https://example.com./", "https://example.com/"),
        ("https://bücher.example/ä", "https://xn--bcher-kva.example/ä"),
        ("https://faß.example/", "https://xn--fa-hia.example/"),
        ("https://exa。mple.com/", "https://exa.mple.com/"),
        ("https://my_host.example/", "https://my_host.example/"),
        ("https://8.8.8.8/", "https://8.8.8.8/"),
        ("https://[2606:4700:0::1111]:8443/", "https://[2606:4700::1111]:8443/"),
        ("https://12.example/", "https://12.example/"),
        ("https://example.com/@user:pass", "https://example.com/@user:pass"),
    ],
)
def test_a_public_url_is_taken_with_its_host_in_ascii(written: str, dialled: str) -> None:
    assert read_webhook_url(written) == dialled
    assert read_webhook_url(dialled) == dialled
    # Whoever dials reads the same host as was checked.
    host = URL(dialled).raw_host
    assert host is not None
    assert f"//{host}" in dialled or f"//[{host}]" in dialled


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "https://"),
        ("example.com/hook", "https://"),
        ("ftp://example.com/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("//example.com/", "https://"),
        ("https:example.com", "https://"),
        ("https://", "host"),
        ("https:///hook", "host"),
        ("https://:443/", "host"),
        ("https://example.com:/", "host or its port"),
        ("https://example.com:port/", "host or its port"),
        ("https://example.com:0/", "from 1 to 65535"),
        ("https://example.com:65536/", "from 1 to 65535"),
        ("https://example.com:123456/", "host or its port"),
        ("https://user@example.com/", "user"),
        ("https://user:pass@example.com/", "user"),
        ("https://example.com@127.0.0.1/", "user"),
        ("https://example.com\\@127.0.0.1/", "backslash"),
        ("https://example.com /", "space"),
        (" https://example.com/", "space"),
        ("https://example.com/\n", "control"),
        ("https://exa\tmple.com/", "control"),
        ("https://example.com/\u202e", "control"),
        ("https://example..com/", "name of the Internet"),
        ("https://example.com../", "name of the Internet"),
        ("https://.example.com/", "name of the Internet"),
        ("https://-a.example/", "name of the Internet"),
        ("https://a%2eb/", "name of the Internet"),
        ("https://a!b/", "name of the Internet"),
        ("https://" + "a" * 64 + ".example/", "name of the Internet"),
        ("https://" + "a." * 126 + "ab/", "name of the Internet"),
        ("https://\u2024.example/", "name of the Internet"),
        ("https://[::1%25eth0]/", "host or its port"),
        ("https://[::g]/", "host or its port"),
        ("https://[1::2::3]/", "IPv6"),
        ("https://[fe80::1/", "host or its port"),
        ("https://::1/", "host or its port"),
        ("https://2130706433/", "four decimal numbers"),
        ("https://0x7f000001/", "four decimal numbers"),
        ("https://0x7f.1/", "four decimal numbers"),
        ("https://0177.0.0.1/", "four decimal numbers"),
        ("https://127.1/", "four decimal numbers"),
        ("https://127.0.0.1.0/", "four decimal numbers"),
        ("https://1.2.3.256/", "four decimal numbers"),
        ("https://0x/", "four decimal numbers"),
        ("https://example.com/" + "a" * 2_048, "longer than 2,048"),
    ],
)
@pytest.mark.parametrize("allow_private", [False, True])
def test_what_is_no_url_of_a_receiver_is_refused(url: str, why: str, allow_private: bool) -> None:
    with pytest.raises(UrlRefused, match=why):
        read_webhook_url(url, allow_private=allow_private)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://localhost/",
        "https://localhost./",
        "https://LOCALHOST:8443/",
        "https://api.localhost/",
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://①②⑦.⓪.⓪.①/",
        "https://127。0。0。1/",
        "https://0.0.0.0/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:8.8.8.8]/",
        "https://[::ffff:7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::8.8.8.8]/",
        "https://[fd00::1]/",
        "https://example.com:22/",
        "https://example.com:25/",
        "https://example.com:1023/",
    ],
)
def test_what_is_private_by_itself_is_refused_unless_it_is_allowed(url: str) -> None:
    with pytest.raises(UrlRefused, match=SETTING):
        read_webhook_url(url)
    assert read_webhook_url(url, allow_private=True).startswith(("http://", "https://"))


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("0.1.2.3", "this network"),
        ("10.255.255.255", "private"),
        ("100.64.0.1", "carrier"),
        ("100.100.100.200", "carrier"),
        ("127.255.255.254", "loopback"),
        ("168.63.129.16", "metadata"),
        ("169.254.169.254", "metadata"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.0.0.192", "protocols"),
        ("192.168.1.1", "private"),
        ("198.19.255.255", "benchmarks"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("255.255.255.255", "reserved"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::7f00:1", "reserved"),
        ("::ffff:8.8.8.8", "IPv4"),
        ("64:ff9b::808:808", "NAT64"),
        ("64:ff9b:1::1", "NAT64"),
        ("100::1", "reserved"),
        ("2001::1", "Teredo"),
        ("2001:db8::1", "documentation"),
        ("2002:7f00:1::1", "6to4"),
        ("4000::1", "reserved"),
        ("5f00::1", "reserved"),
        ("fc00::1", "ULA"),
        ("fd00:ec2::254", "ULA"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
        ("", "no address"),
        ("localhost", "no address"),
    ],
)
def test_an_address_that_is_not_public_is_not_dialled(address: str, what: str) -> None:
    assert what in str(refused_range(address))


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"),
        *("172.15.255.255", "172.32.0.0", "192.167.255.255", "223.255.255.255"),
        *("2606:4700:4700::1111", "2a00:1450::1", "2001:200::1", "2003::1", "3ffe::1"),
    ],
)
def test_a_public_address_is_dialled(address: str) -> None:
    assert refused_range(address) is None


@given(st.ip_addresses())
def test_no_address_that_python_calls_private_is_dialled(
    address: IPv4Address | IPv6Address,
) -> None:
    if not address.is_global or address.is_multicast:
        assert refused_range(str(address)) is not None


@given(st.sampled_from([network for network, _ in REFUSED]), st.data())
def test_both_ends_of_every_range_are_refused(network: object, data: st.DataObject) -> None:
    first, last = int(network[0]), int(network[-1])  # pyright: ignore
    number = data.draw(st.sampled_from([first, last]) | st.integers(first, last))
    kind = type(network[0])  # pyright: ignore
    assert refused_range(str(kind(number))) is not None


@pytest.mark.parametrize(
    ("port", "refused"),
    [
        *((0, True), (22, True), (79, True), (80, False), (443, False), (444, True)),
        *((1_023, True), (1_024, False), (65_535, False), (65_536, True)),
    ],
)
def test_ports(port: int, refused: bool) -> None:
    assert is_refused_port(port) is refused


@given(st.text(max_size=40) | st.from_regex(r"https://[\w.:@%\[\]\\-]{0,30}(/.*)?", fullmatch=True))
def test_any_text_is_a_url_or_refused(text: str) -> None:
    try:
        url = read_webhook_url(text)
    except UrlRefused:
        return
    host = URL(url).raw_host
    assert host is not None
    assert url.isprintable()
    if ":" in host or host.replace(".", "").isdigit():
        assert refused_range(str(ip_address(host))) is None
