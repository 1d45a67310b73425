#!/usr/bin/env python3
"""Holds the code to the dependency rule that the build files state.

- A folder of src/ (src/aws/kinesis is the folder aws_kinesis) includes only headers of itself and of the folders that its CMakeLists.txt names in
  DEPENDS (tests also those in TEST_DEPENDS).
- No folder reaches itself through DEPENDS.
- A file includes the headers that it names by their folder ("log/batch.h"), each with quotes.
- Headers that are slow to compile stay inside a folder: no header that another folder can reach includes one.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
HEAVY = (
    "boost/",
    "nlohmann/",
    "simdjson.h",
    "libpq-fe.h",
    "yaml-cpp/",
    "sqlite3.h",
    "CLI/",
    "curl/",
    "openssl/",
    "fmt/",
    "spdlog/",
)
# Declarations only, made to be included by headers.
LIGHT = ("nlohmann/json_fwd.hpp",)


def declared_dependencies():
    folders = {}
    for build_file in sorted(SOURCE.glob("**/CMakeLists.txt")):
        declaration = re.search(r"tailrace_folder\(([^)]*)\)", build_file.read_text())
        if not declaration:
            raise SystemExit(f"{build_file.relative_to(ROOT)}: no tailrace_folder(...)")
        name, *words = declaration.group(1).split()
        lists = {"DEPENDS": [], "EXTERNAL": [], "TEST_DEPENDS": []}
        current = None
        for word in words:
            if word in lists:
                current = lists[word]
            else:
                current.append(word)
        folders[name] = lists
        if name != "_".join(build_file.parent.relative_to(SOURCE).parts):
            raise SystemExit(
                f"{build_file.relative_to(ROOT)}: the library is called {name}, its folder is not"
            )
    return folders


def find_cycle(folders):
    done, path = set(), []

    def visit(folder):
        if folder in path:
            return [*path[path.index(folder) :], folder]
        if folder in done:
            return None
        path.append(folder)
        for other in folders[folder]["DEPENDS"]:
            if other in folders and (cycle := visit(other)):
                return cycle
        path.pop()
        done.add(folder)
        return None

    return next((cycle for folder in folders if (cycle := visit(folder))), None)


def folder_of(path, folders):
    """The innermost folder that holds a file, named by its path below src/; None when none does."""
    parts = Path(path).parts[:-1]
    names = ("_".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in folders), None)


def problems_of(file, folders):
    folder = folder_of(file.relative_to(SOURCE), folders)
    allowed = {folder, *folders[folder]["DEPENDS"]}
    if file.name.endswith("_test.cc"):
        allowed |= set(folders[folder]["TEST_DEPENDS"])
    for number, line in enumerate(file.read_text().splitlines(), 1):
        include = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not include:
            continue
        mark, header = include.groups()
        where = f"{file.relative_to(ROOT)}:{number}"
        owner = folder_of(header, folders)
        ours = owner is not None and (SOURCE / header).exists()
        if ours and mark == "<":
            yield f'{where}: write "{header}" with quotes'
        if mark == '"' and not ours:
            yield f'{where}: "{header}" is no header of ours, or is not named by its folder'
        elif ours and owner not in allowed:
            yield f"{where}: {folder} may not know {owner} (DEPENDS of its CMakeLists.txt)"


def heavy_problems(files):
    """Slow headers in headers that another folder reaches."""
    ours, heavy = {}, {}
    for file in files:
        text = file.read_text()
        ours[file] = [
            SOURCE / name for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, flags=re.MULTILINE)
        ]
        named = re.findall(r"^\s*#\s*include\s*<([^>]+)>", text, flags=re.MULTILINE)
        heavy[file] = [name for name in named if name.startswith(HEAVY) and name not in LIGHT]
    blamed = {}
    for file in files:
        seen, waiting = set(), [file]
        while waiting:
            for header in ours.get(waiting.pop(), []):
                if header in seen:
                    continue
                seen.add(header)
                waiting.append(header)
                if heavy.get(header) and header.parent != file.parent:
                    blamed.setdefault(header, file)
    for header, reader in blamed.items():
        yield (
            f"{header.relative_to(ROOT)}: {', '.join(heavy[header])} is slow to compile and reaches "
            f"{reader.relative_to(ROOT)}; include it in .cc files and forward-declare"
        )


def main():
    folders = declared_dependencies()
    problems = []
    for folder, lists in folders.items():
        for other in lists["DEPENDS"]:
            if other not in folders:
                problems.append(f"src/{folder}/CMakeLists.txt: there is no folder {other}")
    if cycle := find_cycle(folders):
        problems.append("folders depend on each other in a circle: " + " -> ".join(cycle))
    files = [f for f in sorted(SOURCE.glob("*/**/*")) if f.suffix in (".h", ".cc")]
    for file in files:
        problems += problems_of(file, folders)
    problems += heavy_problems(files)
    print("\n".join(problems) or f"{len(files)} files in {len(folders)} folders")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
