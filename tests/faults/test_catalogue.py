# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row of the catalogue has a test, every test names a row, and docs/reliability.md equals the catalogue."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.backhaul.sftp.tests.faults.catalogue import COMPLETE, ROWS, SECTIONS, Row
from ansible_collections.backhaul.sftp.tests.tools import reliability

DUE = [key for key, row in ROWS.items() if key.split(".")[0] in COMPLETE]


@pytest.mark.parametrize("key", DUE)
def test_a_row_has_a_test(key: str) -> None:
    awaited = ROWS[key].awaits
    due = not awaited or (reliability.CHECKOUT / awaited).exists()
    assert not due or reliability.bound_tests().get(key), f"no test is marked with fault({key!r})"


def test_a_test_is_bound_to_a_row_that_exists() -> None:
    assert set(reliability.bound_tests()) <= set(ROWS)


def test_every_test_here_is_bound_to_a_row() -> None:
    unbound = [name for name, keys in reliability.tests().items() if not keys]
    assert [name for name in unbound if not name.startswith("test_catalogue.py")] == []


def test_a_row_belongs_to_a_section() -> None:
    assert {key.split(".")[0] for key in ROWS} == set(SECTIONS)


def test_the_page_is_what_the_catalogue_says() -> None:
    text = reliability.PAGE.read_text(encoding="utf-8")
    made = reliability.page(text, reliability.tables(ROWS, reliability.bound_tests()))
    assert text == made, "run: .venv/bin/python -m ansible_collections.backhaul.sftp.tests.tools.reliability"


def test_a_marker_of_a_parameter_binds_its_test(tmp_path: pathlib.Path) -> None:
    (tmp_path / "test_some.py").write_text(
        "@pytest.mark.fault('names.twice')\n"
        "@pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.fault('selection.ties'))])\n"
        "def test_it(x): ...\n"
        "def helper(): pytest.mark.fault('selection.million')\n",
        encoding="utf-8",
    )
    bound = reliability.bound_tests(tmp_path)
    assert bound == {"names.twice": ["test_some.py::test_it"], "selection.ties": ["test_some.py::test_it"]}


def test_a_row_without_a_test_says_so() -> None:
    assert "| a | b | nothing yet |" in reliability.tables({"names.x": Row("a", "b")}, {})
