# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold the pages for people to what is there: links lead somewhere, playbooks are playbooks, errors have rows."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import typing as t

import pytest

from ansible_collections.backhaul.sftp.plugins.module_utils import _errors

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [path.relative_to(CHECKOUT).as_posix() for path in (*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md"))]
GUIDE = "docs/guide.md"


def _text(page: str) -> str:
    return (CHECKOUT / page).read_text(encoding="utf-8")


def _links(page: str) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", _text(page))


def _anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.*)$", _text(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _playbooks(page: str) -> list[str]:
    blocks = re.findall(r"^```yaml\n(.*?)^```", _text(page), flags=re.MULTILINE | re.DOTALL)
    return [block for block in blocks if re.search(r"^  hosts:", block, flags=re.MULTILINE)]


def _codes() -> set[str]:
    kinds = [
        kind for kind in vars(_errors).values() if isinstance(kind, type) and issubclass(kind, _errors.BackhaulError)
    ]
    return {code for kind in kinds for code in kind.codes}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_inside_the_checkout_leads_somewhere(page: str) -> None:
    here = (CHECKOUT / page).parent
    for link in _links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _hash, anchor = link.partition("#")
        target = (here / path).resolve() if path else CHECKOUT / page
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target.relative_to(CHECKOUT).as_posix()), link


def test_each_promise_names_its_proof() -> None:
    promises = re.split(
        r"^\d\. ", _text("README.md").partition("## The promises")[2].partition("\n## ")[0], flags=re.MULTILINE
    )
    assert len(promises) == 1 + 7
    for promise in promises[1:]:
        assert re.search(r"Proven by \[test_\w+\.py\]\(tests/", promise), promise


@pytest.mark.parametrize("page", ["README.md", GUIDE])
def test_playbooks_in_the_pages_are_playbooks(page: str, tmp_path: pathlib.Path) -> None:
    playbooks = _playbooks(page)
    assert playbooks
    for number, content in enumerate(playbooks):
        (tmp_path / f"{number}.yml").write_text(content, encoding="utf-8")
    checked = _syntax_check(tmp_path, sorted(path.name for path in tmp_path.glob("*.yml")))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def _syntax_check(folder: pathlib.Path, names: t.Sequence[str]) -> subprocess.CompletedProcess[str]:
    program = pathlib.Path(sys.executable).with_name("ansible-playbook")
    return subprocess.run(
        [sys.executable, str(program), "--syntax-check", *names],
        cwd=folder,
        env={
            "HOME": str(folder),
            "ANSIBLE_HOME": str(folder / "ansible"),
            "LC_ALL": "C.UTF-8",
            "PATH": os.environ["PATH"],
        },
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_guide_has_a_row_for_every_error_code() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", _text(GUIDE).partition("## Troubleshooting")[2], flags=re.MULTILINE))
    assert rows == _codes()


def test_no_page_says_where_it_was_written() -> None:
    for page in PAGES:
        assert not re.search(r"/root/|/work/|/tmp/(?!\.\.\.)\w", _text(page)), page
