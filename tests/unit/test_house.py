# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold the files below plugins/ to the house rules of CONTRIBUTING.md that a machine can read."""

from __future__ import annotations

import ast
import io
import pathlib
import re
import tokenize
import typing as t
from pathlib import PurePosixPath

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
PLUGINS = CHECKOUT / "plugins"
MIRROR = CHECKOUT / "tests" / "unit" / "plugins"

LICENCE = (
    "# Copyright (c) 2026, the backhaul.sftp authors",
    "# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)",
    "# SPDX-License-Identifier: GPL-3.0-or-later",
)
PRIVATE = "# Private to this collection: it may change without notice."
LONGEST_FUNCTION = 50
LONGEST_FILE = 350
DOCUMENTATION = {"DOCUMENTATION", "EXAMPLES", "RETURN"}
INSECURE = {"AutoAddPolicy", "WarningPolicy"}

# Names that this collection once used for things that have a standard name. The first group means nothing else here, so
# it may be neither a word of a sentence nor a part of a name.
RETIRED_WORDS = (
    r"abandonment|cargos?|carpenters?|convoys?|couriers?|crew|detours?|familiar|hopeless|lag|lanes?|leftovers?"
    r"|mailbox|nap|overlays?|rations?|setbacks?|shipments?|undivided"
    r"|(?<!internet-)drafts?(?!-[\di]|-ssh|\ssection)"
)
# Whole names. A word that is English as well is here in the form that the code gave it.
RETIRED_NAMES = (
    r"_engine|_rules|_interruption|_module[./](?:answers|boundary|carrying|ends|insist|loads|verdict|withheld)"
    r"|_sftp[./](?:lane|streams)|_ssh[./](?:boundary|feed)|_local[./]refusals"
    r"|plugin_utils[./]_(?:children|plain_text|remote)|_carried|_merged|ElsewhereError|CommonRead|OnLane|OwnRead"
    r"|PrefixDiffersError|PunctualAuthHandler|Resumption|Subscription|TimeIsUp|Wished|after_prefix|aside_path"
    r"|best_digest|carry_out|_carry_out_once|_carried_out|_brought|closing_after|closing_quietly|giving_way"
    r"|held_up|is_patient|let_go|move_aside|patience_seconds|stand_ins|told_apart|work_together|_deliver"
    r"|_drop_broken|_found_there|_if_full|_moved_away|_prove|_settled|_swap|_tidy|at_once(?=\()|insist(?=\()"
    r"|located(?=\()|shown(?=\()|typed(?<=\.typed)(?=\()"
    r"|class\s(?:Beginning|Chance|Delivery|Desk|Draft|Ends|Feed|Following|Hashing|HostKeyJudge|Judge|Knowledge|Lane|Load)"
    r"|class\s(?:_Line|Opening|Origin|Pace|Ration|Streams|Supply|Terms|Turn|Wish|_Work)"
)
# Functions and methods, by the beginning of the path below plugins/.
RETIRED_FUNCTIONS = {
    "": "about|adopt|again|at|attend|complain|examine|gone|insist|interrupt|look|not_tried|pay|settle|streamed|want"
    "|withheld",
    "module_utils/_module/": "answers|boundary|judged|left_out|reports|serve|suspect|told_apart",
    "module_utils/_ssh/receive_buffer.py": "owed|put|take",
    "module_utils/_transfer/rate_limit.py": "take",
}
# What a sentence in a docstring or comment names by its noun, and verbs that make persons of programs.
UNCLEAR = ("whatever", "nobody", "somebody", "as ever", "for good", "at its worst", "loses patience", "is told")
TEXT_FILES = {".py", ".md", ".yml", ".j2", ".sh", ".toml", ".txt", ".ini", ".cfg"}
SEARCHED = ("plugins", "tests", "docs", "roles", "playbooks")


def breaches(path: str, source: str) -> list[str]:
    """Return one line for each house rule that the source of the file at ``path`` (below plugins/) breaks."""
    tree = ast.parse(source)
    found = [*opening(path, source, tree), *long_functions(tree), *forbidden(path, tree)]
    length = len(code_lines(source, tree))
    if length > LONGEST_FILE:
        found.append(f"{length} lines of code, more than {LONGEST_FILE}")
    return found


def opening(path: str, source: str, tree: ast.Module) -> t.Iterator[str]:
    """Check the licence, the note on privacy and the first import."""
    lines = [line for line in source.splitlines() if not line.startswith("#!")]
    if tuple(lines[:3]) != LICENCE:
        yield "does not open with the licence"
    if path.startswith(("module_utils/", "plugin_utils/")) and PRIVATE not in lines[:5]:
        yield "does not say that it is private"
    first = next((node for node in tree.body if not isinstance(node, ast.Expr)), None)
    if not (isinstance(first, ast.ImportFrom) and first.module == "__future__"):
        yield "does not start with 'from __future__ import annotations'"


def long_functions(tree: ast.Module) -> t.Iterator[str]:
    """Name the functions that do not fit."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{node.name}() has {length} lines, more than {LONGEST_FUNCTION}"


def forbidden(path: str, tree: ast.Module) -> t.Iterator[str]:
    """Name what must not be written in plugins at all, or only in one place."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            yield f"line {node.lineno}: assert"
        elif isinstance(node, ast.Attribute) and node.attr == "fail_json" and path != "module_utils/_module/entry.py":
            yield f"line {node.lineno}: fail_json, which only entry.py may call"
        elif names(node) & INSECURE:
            yield f"line {getattr(node, 'lineno', 0)}: a policy that trusts any host key"
        elif isinstance(node, ast.keyword) and node.arg == "shell" and getattr(node.value, "value", True) is not False:
            yield f"line {node.value.lineno}: a shell"


def names(node: ast.AST) -> set[str]:
    """Return the last part of the name that a node reads or imports."""
    name = getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "name", None)
    return {name.rpartition(".")[2]} if isinstance(name, str) else set()


def code_lines(source: str, tree: ast.Module) -> set[int]:
    """Return the numbers of the lines that hold code: no comments, docstrings or documentation."""
    skipped = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree):
        if is_text_for_people(node):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def is_text_for_people(node: ast.AST) -> t.TypeGuard[ast.stmt]:
    """Tell docstrings and Ansible's documentation from code."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
        return any(isinstance(target, ast.Name) and target.id in DOCUMENTATION for target in node.targets)
    return False


def retired(path: str, text: str) -> list[str]:
    """Return one line for each retired name in the text of the file at ``path`` (relative to the checkout)."""
    patterns = [rf"(?<![A-Za-z0-9])(?:{RETIRED_WORDS})(?![A-Za-z0-9])", rf"\b(?:{RETIRED_NAMES})\b"]
    patterns[0] = f"(?i:{patterns[0]})"
    below = path.removeprefix("plugins/")
    functions = [names for start, names in RETIRED_FUNCTIONS.items() if below != path and below.startswith(start)]
    if functions:
        patterns.append(rf"\bdef _?(?:{'|'.join(functions)})\(")
    found = re.finditer("|".join(patterns), text)
    return [f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}" for match in found]


def sentences(source: str) -> t.Iterator[tuple[int, str]]:
    """Return each docstring and each run of comments with the number of its first line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and is_text_for_people(first):
                yield first.lineno, ast.get_docstring(node) or ""
    comments: list[str] = []
    start = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            start = start if comments else token.start[0]
            comments.append(token.string.lstrip("# "))
        elif token.type != tokenize.NL:
            if comments:
                yield start, " ".join(comments)
            comments = []


def unclear(source: str) -> list[str]:
    """Return one line for each docstring or comment with words that CONTRIBUTING.md rules out."""
    pattern = re.compile(rf"\b(?:{'|'.join(UNCLEAR)})\b".replace(" ", r"\s+"), re.IGNORECASE)
    return [f"line {number}: {match[0]}" for number, text in sentences(source) for match in pattern.finditer(text)]


def searched_files() -> list[str]:
    """Return the text files in which retired names are looked for, relative to the checkout; not this one."""
    found = [path for folder in SEARCHED for path in (CHECKOUT / folder).rglob("*")] + [*CHECKOUT.glob("*.md")]
    files = [path for path in found if path.suffix in TEXT_FILES and path.is_file() and path != pathlib.Path(__file__)]
    return sorted(path.relative_to(CHECKOUT).as_posix() for path in files)


def plugin_files() -> list[str]:
    """Return the Python files below plugins/, relative to it."""
    return sorted(path.relative_to(PLUGINS).as_posix() for path in PLUGINS.rglob("*.py"))


@pytest.mark.parametrize("path", plugin_files())
def test_file_keeps_the_house_rules(path: str) -> None:
    assert breaches(path, (PLUGINS / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", plugin_files())
def test_sentences_name_what_they_are_about(path: str) -> None:
    assert unclear((PLUGINS / path).read_text(encoding="utf-8")) == []


def test_retired_names_stay_out() -> None:
    found = [line for path in searched_files() for line in retired(path, (CHECKOUT / path).read_text(encoding="utf-8"))]
    assert not found, "\n".join(["ARCHITECTURE.md has the words that replace these:", *found])


def test_tests_mirror_the_code_path_by_path() -> None:
    private = [PurePosixPath(path) for path in plugin_files() if path.startswith(("module_utils/", "plugin_utils/"))]
    mirrors = [path.with_name(f"test_{path.name.lstrip('_')}") for path in private]
    missing = "\n".join(f"tests/unit/plugins/{path}" for path in mirrors if not (MIRROR / path).exists())
    assert not missing, f"These tests are missing:\n{missing}"


def test_plugins_are_namespace_packages() -> None:
    assert [path for path in plugin_files() if path.endswith("__init__.py")] == []


def test_sanity_checks_are_never_ignored() -> None:
    ignored = [path.name for path in (CHECKOUT / "tests" / "sanity").glob("ignore*.txt") if path.read_text().strip()]
    assert ignored == []


GOOD = "\n".join([*LICENCE, PRIVATE, '"""Say it."""', "", "from __future__ import annotations", ""])


@pytest.mark.parametrize(
    ("path", "source", "breach"),
    [
        ("module_utils/_x.py", GOOD.replace("2026", "2025"), "licence"),
        ("module_utils/_x.py", GOOD.replace(PRIVATE, "#"), "private"),
        ("module_utils/_x.py", GOOD.replace("from __future__ import annotations", "import re"), "__future__"),
        ("module_utils/_x.py", GOOD + "def f():\n" + "    x = 1\n" * 50, "51 lines"),
        ("module_utils/_x.py", GOOD + "x = 1\n" * 351, "352 lines of code"),
        ("module_utils/_x.py", GOOD + "assert True\n", "assert"),
        ("module_utils/_module/sftp_find.py", GOOD + "module.fail_json(msg='no')\n", "fail_json"),
        ("module_utils/_ssh/connect.py", GOOD + "client.set_policy(paramiko.AutoAddPolicy())\n", "policy"),
        ("module_utils/_ssh/connect.py", GOOD + "from paramiko.client import AutoAddPolicy\n", "policy"),
        ("plugin_utils/_x.py", GOOD + "subprocess.run('ls', shell=True)\n", "shell"),
    ],
)  # fmt: skip
def test_a_breach_is_caught(path: str, source: str, breach: str) -> None:
    (found,) = breaches(path, source)
    assert breach in found


def test_documentation_and_comments_are_not_code() -> None:
    source = GOOD + 'DOCUMENTATION = r"""\n' + "text\n" * 400 + '"""\n' + "# why\n" * 400
    assert breaches("module_utils/_x.py", source) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("from ._engine import run", "_engine"),
        ("from ._module.verdict import reports", "_module.verdict"),
        ("class Shipment:", "Shipment"),
        ("the cargo of a convoy", "cargo"),
        ("kept_draft = 1", "draft"),
        ("a draft of this account", "draft"),
        ("class Turn:", "class Turn"),
        ("class _Line:", "class _Line"),
        ("    def look(self) -> None:", "def look("),
        ("    def _settle(self) -> None:", "def _settle("),
        ("raise Error(shown(path))", "shown"),
        ("if arguments.typed(name):", "typed"),
        ("with closing_quietly(handle):", "closing_quietly"),
        ("self.carry_out(step)", "carry_out"),
    ],
)
def test_a_retired_name_is_caught(text: str, name: str) -> None:
    found = retired("plugins/module_utils/_transfer/x.py", f"x = 1\n{text}\n")
    assert found[0] == f"plugins/module_utils/_transfer/x.py:2: {name}"


@pytest.mark.parametrize(
    "text",
    [
        "the encoding of draft-ietf-secsh-filexfer-02, draft section 7",
        "from ._module.relay_result import refused_names_error",
        "a typed path, shown at -v; it settles when a turn starts",
        "def lookup(name): return name_rules(name)",
        "class Loader(Lanes2): pass",
    ],
)
def test_other_words_are_not_retired(text: str) -> None:
    assert retired("plugins/module_utils/_transfer/x.py", text) == []


def test_retired_functions_are_those_of_plugins() -> None:
    assert retired("tests/unit/fakes/x.py", "def put(path): ...\ndef look(path): ...\n") == []
    assert retired("plugins/module_utils/_ssh/receive_buffer.py", "def put(path): ...\n") != []
    assert retired("plugins/module_utils/_module/put.py", "def put(request): ...\n") == []


@pytest.mark.parametrize("phrase", UNCLEAR)
def test_an_unclear_sentence_is_caught(phrase: str) -> None:
    first, _space, rest = phrase.partition(" ")
    assert unclear(GOOD + f"# It {phrase} is.\nx = 1\n") == [f"line 8: {phrase}"]
    assert len(unclear(GOOD + f"# It {first}\n# {rest} is.\nx = 1\n")) == 1
    assert len(unclear(GOOD + f"def f():\n    'Do {phrase}.'\n")) == 1
    assert unclear(GOOD + f"x = {phrase!r}\n") == []
