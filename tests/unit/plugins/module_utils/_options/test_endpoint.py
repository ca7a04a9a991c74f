# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the options of an endpoint are read."""

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
from ansible_collections.backhaul.sftp.plugins.module_utils._options import endpoint as options
from ansible_collections.backhaul.sftp.tests.unit.fakes.fragments import comparable, documented
from ansible_collections.backhaul.sftp.tests.unit.fakes.parameters import parameters


def endpoint(**given: t.Any) -> Endpoint:
    return options.read_endpoint(parameters(options.endpoint_spec(), endpoint=given)["endpoint"], role="source")


def why(read: t.Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        read()
    assert caught.value.code in ("invalid_input", "unsafe_path")
    return caught.value.cause


def test_the_defaults_are_those_of_the_model() -> None:
    assert endpoint(host="h") == Endpoint(role="source", host="h", name="h")


def test_all_given_options_are_read() -> None:
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
    """Only the first line was a pin once, and the other lines were its comment."""
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


def test_the_error_for_a_missing_host_names_the_options() -> None:
    with pytest.raises(InputError, match="names no server") as caught:
        endpoint(host=" ")
    assert (caught.value.role, "inventory_host" in caught.value.remedy) == ("source", True)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    assert "port" in why(lambda: endpoint(host="h", port=port))


@pytest.mark.parametrize("option", ["connect_timeout", "operation_timeout", "stall_timeout", "keepalive"])
@pytest.mark.parametrize("value", [-1, "nan", "inf", 10**9])
def test_an_invalid_timeout_is_refused(option: str, value: object) -> None:
    assert option in why(lambda: endpoint(host="h", **{option: value}))


@pytest.mark.parametrize("option", ["connect_timeout", "operation_timeout", "stall_timeout"])
def test_a_timeout_of_zero_is_refused(option: str) -> None:
    assert option in why(lambda: endpoint(host="h", **{option: 0}))


def test_the_ways_to_log_in_are_those_of_the_model() -> None:
    assert tuple(options.endpoint_suboptions()["authentications"]["choices"]) == KNOWN_AUTHENTICATIONS


def test_jumps_are_endpoints_of_their_own() -> None:
    read = endpoint(host="h", jump=[{"host": "j", "port": 2200, "user": "hop", "host_keys": ["SHA256:x"]}])
    assert [(hop.host, hop.port, hop.credentials.user, hop.trust.host_keys) for hop in read.jump] == [
        ("j", 2200, "hop", ("SHA256:x",))
    ]


def test_the_fragment_documents_these_specs() -> None:
    assert comparable(options.endpoint_spec()) == documented("_endpoint")
    assert comparable(options.source_spec()) == documented("_endpoint", "SOURCE")
    assert comparable(options.destinations_spec()) == documented("_endpoint", "DESTINATIONS")
