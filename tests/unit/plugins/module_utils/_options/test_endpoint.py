# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be typed, and what it means."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils._errors import InputError
from ansible_collections.backhaul.sftp.plugins.module_utils._model import (
    KNOWN_AUTHENTICATIONS,
    Credentials,
    Endpoint,
    Timeouts,
    Trust,
)
from ansible_collections.backhaul.sftp.plugins.module_utils._options import endpoint as _options
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import parameters


def endpoint(**given: t.Any) -> Endpoint:
    return _options.read_endpoint(parameters(_options.endpoint_spec(), endpoint=given)["endpoint"], role="source")


def why(read: t.Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        read()
    assert caught.value.code in ("invalid_input", "unsafe_path")
    return caught.value.cause


def test_the_defaults_are_those_of_the_model() -> None:
    assert endpoint(host="h") == Endpoint(role="source", host="h", name="h")


def test_everything_that_is_given_is_taken() -> None:
    read = endpoint(
        host="h",
        inventory_host="inv",
        port=2222,
        user="u",
        password=" p ",
        private_key="k",
        private_key_file="/k",
        use_agent=False,
        private_key_passphrase="s",
        authentications=["password"],
        known_hosts="kh",
        known_hosts_files=["/f"],
        host_keys=["SHA256:x"],
        host_key_alias="alias",
        connect_timeout=1.5,
        operation_timeout=2,
        stall_timeout=3,
        keepalive=0,
        remote_checksum="never",
    )
    assert (read.host, read.name, read.port, read.remote_checksum) == ("h", "inv", 2222, "never")
    assert read.credentials == Credentials(
        user="u",
        password=" p ",
        private_key="k",
        private_key_file="/k",
        private_key_passphrase="s",
        use_agent=False,
        authentications=("password",),
    )
    assert read.trust == Trust(
        host_keys=("SHA256:x",), known_hosts="kh", known_hosts_files=("/f",), host_key_alias="alias"
    )
    assert read.timeouts == Timeouts(1.5, 2.0, 3.0, 0.0)


@pytest.mark.parametrize("blank", ["", " ", "\n", None])
def test_a_blank_field_of_awx_is_not_given(blank: str | None) -> None:
    read = endpoint(
        host="h",
        inventory_host=blank,
        user=blank,
        password=blank,
        private_key=blank,
        private_key_file=blank,
        private_key_passphrase=blank,
        known_hosts=blank,
        host_key_alias=blank,
    )
    assert read == endpoint(host="h")


_PINS = "# the appliance\r\nssh-ed25519 AAAA\r\n\r\n  SHA256:x\r\n#SHA256:old\r\n"


@pytest.mark.parametrize(
    "given",
    [
        _PINS,
        _PINS.replace("\r\n", "\n"),
        _PINS.replace("\r\n", "\r"),
        [_PINS],
        ["", "ssh-ed25519 AAAA\nSHA256:x"],
        ["ssh-ed25519 AAAA", " SHA256:x\n", "# x"],
    ],
)
def test_every_line_of_a_form_field_is_a_pin(given: object) -> None:
    """Only the first one counted, and the others were taken for its comment."""
    pins = ("ssh-ed25519 AAAA", "SHA256:x")
    read = endpoint(host="h", host_keys=given, jump=[{"host": "j", "host_keys": given}])
    assert (read.trust.host_keys, read.jump[0].trust.host_keys) == (pins, pins)


@pytest.mark.parametrize(
    "given", ["a x y\r\n\r\n# no\r\nb x y", ["a x y\r\n\r\n# no", "b x y"], ["a x y\r\r# no\rb x y"]]
)
def test_known_hosts_may_be_a_text_or_a_list_of_texts(given: object) -> None:
    read = endpoint(host="h", known_hosts=given, jump=[{"host": "j", "known_hosts": given}])
    assert read.trust.known_hosts == read.jump[0].trust.known_hosts == "a x y\n\n# no\nb x y"


def test_pins_of_nothing_but_comments_are_refused() -> None:
    with pytest.raises(InputError, match="nothing but blanks and comments"):
        endpoint(host="h", host_keys=["# ssh-ed25519 AAAA\n \n"])


@pytest.mark.parametrize("value", ["yes", "True", "1", True])
def test_booleans_may_be_strings(value: object) -> None:
    assert endpoint(local=value).local is True
    assert endpoint(host="h", compression=value).compression is True


def test_the_local_file_system_is_an_endpoint() -> None:
    assert endpoint(local=True).label == "localhost"
    assert endpoint(local=True, inventory_host="web").label == "web"


def test_no_host_at_all_is_said_with_the_ways_to_name_one() -> None:
    with pytest.raises(InputError, match="names no server") as caught:
        endpoint(host=" ")
    assert (caught.value.role, "inventory_host" in caught.value.remedy) == ("source", True)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_does_not_exist(port: int) -> None:
    assert "port" in why(lambda: endpoint(host="h", port=port))


@pytest.mark.parametrize("option", ["connect_timeout", "operation_timeout", "stall_timeout", "keepalive"])
@pytest.mark.parametrize("value", [-1, "nan", "inf", 10**9])
def test_a_deadline_that_is_none(option: str, value: object) -> None:
    assert option in why(lambda: endpoint(host="h", **{option: value}))


@pytest.mark.parametrize("option", ["connect_timeout", "operation_timeout", "stall_timeout"])
def test_no_time_at_all_is_refused_for_a_deadline(option: str) -> None:
    assert option in why(lambda: endpoint(host="h", **{option: 0}))


def walk(spec: t.Mapping[str, t.Any]) -> t.Iterator[tuple[str, t.Mapping[str, t.Any]]]:
    for name, option in spec.items():
        yield name, option
        yield from walk(option.get("options", {}))


def test_every_secret_is_hidden_and_every_look_alike_says_that_it_is_none() -> None:
    spec = {**_options.source_spec(), **_options.destinations_spec(), **_options.endpoint_spec()}
    hidden = {name for name, option in walk(spec) if option.get("no_log")}
    assert hidden == {"password", "private_key", "private_key_passphrase"}
    for name, option in walk({**spec, **_options.transfer_spec(), **_options.selection_spec()}):
        if any(part in name for part in ("key", "pass", "secret", "token")) and option["type"] not in ("bool", "float"):
            assert "no_log" in option, name


def test_the_ways_to_log_in_are_those_of_the_model() -> None:
    assert tuple(_options.endpoint_suboptions()["authentications"]["choices"]) == KNOWN_AUTHENTICATIONS


@pytest.mark.parametrize(
    ("text", "path"), [("/a b", b"/a b"), ("/ü", "/ü".encode()), ("/\udcff", b"/\xff"), ("{{ x }}", b"{{ x }}")]
)
def test_a_path_is_bytes(text: str, path: bytes) -> None:
    assert _options.read_path(text, option="path") == path


@pytest.mark.parametrize("text", ["", "/a\0b", "/\ud800"])
def test_a_path_that_cannot_be(text: str) -> None:
    assert "path" in why(lambda: _options.read_path(text, option="path"))


def selection(**given: t.Any) -> t.Any:
    return _options.read_selection(parameters(_options.selection_spec(), **given))


def test_a_selection_by_default_wants_the_newest_nonempty_file_and_no_future() -> None:
    read = selection()
    assert (read.order_by, read.min_size_bytes, read.future, read.future_tolerance_seconds, read.when_none) == (
        "mtime",
        1,
        "refuse",
        300,
        "fail",
    )


def test_durations_and_sizes_are_human() -> None:
    read = selection(
        min_age="90s", max_age="36h", min_size="10MiB", max_size="1G", fresh_within="2d", shrink_limit="50%"
    )
    assert (read.min_age_seconds, read.max_age_seconds, read.fresh_within_seconds) == (90, 36 * 3600, 2 * 86400)
    assert (read.min_size_bytes, read.shrink_limit) == (10 * 1024 * 1024, 0.5)


@pytest.mark.parametrize(
    "given",
    [
        {"min_age": "soon"},
        {"min_size": "big"},
        {"shrink_limit": "200%"},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../etc/passwd"},
    ],
)
def test_what_cannot_be_understood_names_its_option(given: dict[str, str]) -> None:
    assert next(iter(given)) in why(lambda: selection(**given))


@pytest.mark.parametrize("zone", ["utc", "local", "+02:00", "Europe/Berlin"])
def test_time_zones(zone: str) -> None:
    assert selection(time_zone=zone).wall_clock is not None


@pytest.mark.parametrize(
    ("mode", "bits", "preserve"),
    [
        (None, None, False),
        ("", None, False),
        ("0640", 0o640, False),
        ("640", 0o640, False),
        ("0o640", 0o640, False),
        (0o640, 0o640, False),
        ("preserve", None, True),
        ("7777", 0o7777, False),
        ("0", 0, False),
    ],
)
def test_modes(mode: object, bits: int | None, preserve: bool) -> None:
    read = _options.read_relay_options(parameters(_options.transfer_spec(), mode=mode))
    assert (read.mode, read.preserve_mode) == (bits, preserve)


@pytest.mark.parametrize("mode", ["0888", "rw", "u=rw", "-1", "10000", -1, 0o10000, True, 0.5, [], "0640 "])
def test_a_mode_that_is_none(mode: object) -> None:
    if mode == "0640 ":
        assert _options.read_relay_options(parameters(_options.transfer_spec(), mode=mode)).mode == 0o640
        return
    assert "mode" in why(lambda: _options.read_relay_options(parameters(_options.transfer_spec(), mode=mode)))


def test_retries() -> None:
    read = _options.read_retries(parameters(_options.transfer_spec(), retries=5, retry_delay="2s"))
    assert (read.retries, read.base_seconds) == (5, 2)
    assert "retries" in why(lambda: _options.read_retries(parameters(_options.transfer_spec(), retries=-1)))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, None),
        (0, "1970-01-01T00:00:00Z"),
        (2**32, "2106-02-07T06:28:16Z"),
        (2**63, None),
        (-1, "1969-12-31T23:59:59Z"),
    ],
)
def test_times_for_people(seconds: int | None, text: str | None) -> None:
    assert _options.utc_text(seconds) == text


def test_jumps_are_endpoints_of_their_own() -> None:
    read = endpoint(host="h", jump=[{"host": "j", "port": 2200, "user": "hop", "host_keys": ["SHA256:x"]}])
    assert [(hop.host, hop.port, hop.credentials.user, hop.trust.host_keys) for hop in read.jump] == [
        ("j", 2200, "hop", ("SHA256:x",))
    ]
