"""The template of the panel's catalogues: every message that its source marks, for translators.

``python scripts/messages.py`` writes ``ui/vatt_ui/locale/vatt-panel.pot``; with ``--check`` it only
says whether that file is up to date (exit status 1 when not).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "ui" / "vatt_ui"
TEMPLATE = SOURCE / "locale" / "vatt-panel.pot"
HEADER = """\
# Messages of the VATT panel. Made by scripts/messages.py; GPL-3.0-or-later as the panel is.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=INTEGER; plural=EXPRESSION;\\n"
"""


@dataclass
class Message:
    """One message: ``plural`` is empty where there is none; ``modules`` say where it is used."""

    text: str
    plural: str = ""
    modules: set[str] = field(default_factory=set)

    def entry(self) -> str:
        """As the template has it. Modules without line numbers, which would change daily."""
        lines = [f"#: {module}" for module in sorted(self.modules)]
        if "{" in self.text + self.plural:
            lines.append("#, python-brace-format")
        lines.append(f"msgid {quoted(self.text)}")
        if self.plural:
            lines += [f"msgid_plural {quoted(self.plural)}", 'msgstr[0] ""', 'msgstr[1] ""']
        else:
            lines.append('msgstr ""')
        return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A string as catalogues write it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def marked(source: str) -> Iterator[tuple[str, str]]:
    """Text and plural of each ``_("...")`` and ``ngettext("...", "...", n)``.

    Raises:
        ValueError: something else than a literal is marked, which no tool could collect.
    """
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        n_texts = {"_": 1, "ngettext": 2}.get(node.func.id, 0)
        texts = [a.value for a in node.args[:n_texts] if isinstance(a, ast.Constant)]
        if len(texts) != n_texts or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"line {node.lineno}: only a literal can be translated")
        if n_texts:
            yield str(texts[0]), str(texts[1]) if n_texts == 2 else ""


def template() -> str:
    """The whole file."""
    found: dict[str, Message] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        module = path.relative_to(ROOT).as_posix()
        for text, plural in marked(path.read_text(encoding="utf-8")):
            message = found.setdefault(text, Message(text))
            message.plural = message.plural or plural
            message.modules.add(module)
    entries = (found[text].entry() for text in sorted(found))
    return "\n".join([HEADER, *entries])


def main() -> int:
    """Write the template, or look whether it has to be written."""
    text = template()
    same = TEMPLATE.is_file() and TEMPLATE.read_text(encoding="utf-8") == text
    if "--check" in sys.argv[1:]:
        return 0 if same else 1
    TEMPLATE.parent.mkdir(exist_ok=True)
    TEMPLATE.write_text(text, encoding="utf-8")
    print(f"{TEMPLATE}: {text.count('msgid ') - 1} messages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
