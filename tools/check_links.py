#!/usr/bin/env python3
"""Finds dead links in our Markdown: files that are not there, and headings that no heading makes."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def without_code(text):
    return re.sub(r"```.*?```|`[^`\n]*`", lambda code: "\n" * code.group().count("\n"), text, flags=re.DOTALL)


def anchors_of(file):
    """The anchors that GitHub makes of a page's headings."""
    anchors, seen = set(), {}
    text = re.sub(r"```.*?```", "", file.read_text(), flags=re.DOTALL)
    for heading in re.findall(r"^#{1,6}\s+(.+?)\s*#*$", text, flags=re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = seen.get(anchor, 0)
        seen[anchor] = count + 1
        anchors.add(f"{anchor}-{count}" if count else anchor)
    return anchors


def problems_of(page):
    for number, line in enumerate(without_code(page.read_text()).splitlines(), 1):
        for target in re.findall(r"\]\(([^)\s]+)[^)]*\)", line):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            file = (page.parent / name) if name else page
            where = f"{page.relative_to(ROOT)}:{number}"
            if not file.exists():
                yield f"{where}: {target}: there is no such file"
            elif anchor and file.suffix == ".md" and anchor not in anchors_of(file):
                yield f"{where}: {target}: {file.name} has no such heading"


def main():
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    pages = [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()]
    problems = [problem for page in pages for problem in problems_of(page)]
    print("\n".join(problems) or f"{len(pages)} pages")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
