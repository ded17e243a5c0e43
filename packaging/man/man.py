"""A man page: its template, and what `mgw --help` and docs/ say, so that nothing is written twice.

usage: man.py MGW TEMPLATE DOCS PAGE

A line of the template may be
  @SYNOPSIS@            the commands
  @COMMANDS@            the commands, each with what it does
  @FILE@                what the help says of the configuration file
  @SETTINGS@            the settings, each with its default and environment variable
  @KEYS PAGE HEADING@   the table below that heading of docs/PAGE, whose first column is keys
and @VERSION@ may stand anywhere.
"""

import re
import subprocess
import sys
from pathlib import Path


def roff(text):
    """Plain text, as roff takes it."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti").replace("^", "\\(ha").replace("`", "\\(ga")
    return "\\&" + text if text[:1] in (".", "'") else text


def markdown(text):
    """Of what our tables have: `code`, **bold**, *slanted* and [a link](of which the text stays)."""
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)
    parts = re.split(r"(`[^`]+`|\*\*[^*]+\*\*|\*[^*]+\*)", text)

    def part(p):
        if p.startswith("`"):
            return "\\fB" + roff(p[1:-1]).removeprefix("\\&") + "\\fR"
        if p.startswith("**"):
            return "\\fB" + roff(p[2:-2]) + "\\fR"
        if p.startswith("*") and len(p) > 1:
            return "\\fI" + roff(p[1:-1]) + "\\fR"
        return roff(p)

    line = "".join(map(part, parts))
    return "\\&" + line if line[:1] in (".", "'") else line


def item(head, *lines):
    return "\n".join([".TP", head, *lines])


class Help:
    """What `mgw --help` prints: lines of commands, a paragraph about the file, settings."""

    def __init__(self, text):
        blocks = text.split("\n\n")
        self.version = re.match(r"mgw (\S+):", blocks[0])[1]
        self.commands = []
        for block in blocks[1:]:
            if block.startswith("  mgw "):
                self.commands += self.commands_of(block)
        first = next(i for i, block in enumerate(blocks) if block.startswith("FILE "))
        self.file = re.sub(r":$", ".", " ".join(blocks[first].split("\n")))
        self.settings = [self.setting_of(s) for s in re.split(r"\n(?=  \S)", "\n\n".join(blocks[first + 1 :]).rstrip("\n"))]
        if not self.commands or not all(name for name, _, _ in self.settings):
            raise SystemExit("man.py: this help is not as expected: " + text)

    @staticmethod
    def commands_of(block):
        commands = []
        for line in block.split("\n"):
            head, _, tail = line.strip().partition("  ")
            if line.startswith("  mgw "):
                commands.append((head, tail.strip()))
            else:
                commands[-1] = (commands[-1][0], (commands[-1][1] + " " + line.strip()).strip())
        return commands

    @staticmethod
    def setting_of(text):
        lines = text.split("\n")
        name, _, what = lines[0].strip().partition(" ")
        return name, what.strip(), [line.strip() for line in lines[1:]]


def synopsis_of(command):
    """Words that stand as they are bold, those that stand for others slanted."""

    def word(w):
        pre, inner, post = re.match(r"(\[?)(.*?)([\],.]*)$", w).groups()
        if not inner:
            return roff(w)
        face = "I" if re.fullmatch(r"[A-Z_]+", inner) else "B"
        return f"{roff(pre)}\\f{face}{roff(inner)}\\fR{roff(post)}"

    return " ".join(map(word, command.split(" ")))


def table_below(page, heading):
    """Its rows, as lists of cells; a "|" within code is escaped in Markdown."""
    lines = page.read_text().split("\n")
    rows = []
    below = heading == ""
    for line in lines:
        if line.startswith("#"):
            if rows:
                break
            below = heading == "" or line.lstrip("# ") == heading
        elif below and line.startswith("|"):
            rows.append([cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows:
            break
    if len(rows) < 3:
        raise SystemExit(f"man.py: {page} has no table below {heading!r}")
    return rows[0], rows[2:]


def keys_of(page, heading):
    columns, rows = table_below(page, heading)
    items = []
    for row in rows:
        extra = [
            f"{column}: {markdown(cell)}"
            for column, cell in zip(columns[1:-1], row[1:-1])
            if cell and column in ("default", "kinds", "under `gateway`")
        ]
        extra = [markdown(e.split(": ", 1)[0]) + ": " + e.split(": ", 1)[1] for e in extra]
        items.append(item(markdown(row[0]), markdown(row[-1]), *[".br\n" + e for e in extra]))
    return "\n".join(items)


def setting(name, what, lines):
    return item(f"\\fB{roff(name)}\\fR", roff(what), *[".br\n" + roff(line) for line in lines])


def fill(line, told, docs):
    keys = re.fullmatch(r'@KEYS (\S+)(?: "([^"]*)")?@', line)
    if keys:
        return keys_of(docs / keys[1], keys[2] or "")
    if line == "@SYNOPSIS@":
        return "\n.br\n".join(synopsis_of(part) for head, _ in told.commands for part in re.split(r", (?=mgw )", head))
    if line == "@COMMANDS@":
        return "\n".join(item(synopsis_of(head), roff(what[:1].upper() + what[1:]) + "." if what else "Print the help, or the version.") for head, what in told.commands)
    if line == "@FILE@":
        return roff(told.file)
    if line == "@SETTINGS@":
        return "\n".join(setting(*s) for s in told.settings)
    return line.replace("@VERSION@", told.version)


def main():
    mgw, template, docs, page = sys.argv[1:]
    told = Help(subprocess.run([mgw, "--help"], check=True, capture_output=True, text=True).stdout)
    lines = [fill(line, told, Path(docs)) for line in Path(template).read_text().rstrip("\n").split("\n")]
    Path(page).write_text("\n".join(lines) + "\n")


main()
