"""The examples in our documents work: YAML is checked by the program, JSON parses, shell parses, and
what the documents say about commands is what the program says."""

import json
import re
import subprocess
import textwrap

import pytest
import yaml

from harness.postgres import ROOT
from harness.server import run_tailrace

PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md", *(ROOT / "docs").glob("*.md")]
)
CONFIGURATION_KEYS = {"data", "listen", "aws", "streams", "tasks", "functions", "triggers"}


def blocks(*languages):
    """(page:line, language, text) of each fenced block; a language marked `no-check` is left out."""
    found = []
    for page in PAGES:
        if not page.exists():
            continue
        text = page.read_text()
        for block in re.finditer(r"^( *)```([a-z]+)([^\n]*)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
            if block.group(2) in languages and "no-check" not in block.group(3):
                line = text[: block.start()].count("\n") + 1
                found.append(pytest.param(textwrap.dedent(block.group(4)), id=f"{page.name}:{line}"))
    return found or [pytest.param(None, marks=pytest.mark.skip(reason=f"no block in {languages}"))]


@pytest.mark.parametrize("text", blocks("yaml"))
def test_a_yaml_example_is_valid(text, tmp_path):
    document = yaml.safe_load(text)
    if not isinstance(document, dict) or not set(document) & CONFIGURATION_KEYS:
        return
    # An excerpt shows one part; what it names in others is declared beside it.
    document.setdefault("streams", {})
    for task in document.get("tasks", {}).values():
        document["streams"].setdefault(task.get("stream"), {"shards": 1})
        if isinstance(task.get("table_mappings"), str) and task["table_mappings"].endswith(".json"):
            mappings = tmp_path / task["table_mappings"]
            mappings.parent.mkdir(exist_ok=True)
            mappings.write_text((ROOT / "examples/mappings.json").read_text())
    for trigger in document.get("triggers", []):
        document["streams"].setdefault(trigger["stream"], {"shards": 1})
        document.setdefault("functions", {}).setdefault(
            trigger["function"], {"runtime": "python3", "code": ".", "handler": "app.lambda_handler"})  # fmt: skip
    file = tmp_path / "tailrace.yaml"
    if set(yaml.safe_load(text)) == set(document):
        file.write_text(text)
    else:
        file.write_text(yaml.safe_dump(document))
    for name in document.get("listen", {}).get("tls", {}).values():
        (tmp_path / name).write_text("only looked for")
    variables = dict.fromkeys(re.findall(r"\$\{([A-Z_]+)\}", text), "a value of some length")
    ran = run_tailrace("validate", "--config", file, **variables)
    assert ran.returncode == 0, ran.stdout + ran.stderr


# The sections of docs/configuration.md, and in each the parts of the file that it documents: path and prefix of the keys.
SECTIONS = {
    "Top level": [("", ""), ("listen", "listen.")],
    "listen.tls and aws": [("listen.tls", "listen.tls."), ("aws", "aws."), ("aws.keys.ID", "aws.keys.ID.")],
    "streams.NAME": [("streams.NAME", "")],
    "tasks.NAME": [("tasks.NAME", "")],
    "functions.NAME": [("functions.NAME", "")],
    "triggers": [("triggers[0]", "")],
}


def known_keys(part, tmp_path):
    """The keys that the program knows in this part of the configuration, as it lists them for one that it does not."""
    wrong = {"unknown-here": 1}
    for name in reversed(part.split(".") if part else []):
        wrong = {name.removesuffix("[0]"): [wrong] if name.endswith("[0]") else wrong}
    file = tmp_path / "wrong.yaml"
    file.write_text(json.dumps(wrong))
    said = run_tailrace("validate", "--config", file).stderr
    path = f"{part}." if part else ""
    listed = re.search(rf" {re.escape(path)}unknown-here: unknown key; known here: (.*)$", said, re.MULTILINE)
    assert listed, said
    return set(re.split(r", | or ", listed[1]))


def test_the_page_on_the_configuration_has_every_key_and_no_other(tmp_path):
    page = (ROOT / "docs/configuration.md").read_text()
    for title, parts in SECTIONS.items():
        (section,) = re.findall(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
        documented = {key for row in rows for key in re.findall(r"`([^`]+)`", row)}
        known = {prefix + key for part, prefix in parts for key in known_keys(part, tmp_path)}
        # What has keys of its own may stand there by these alone.
        parents = {part for part, prefix in parts if prefix} | {"listen", "aws.keys"}
        assert known - parents <= documented, f"{title}: not documented"
        assert documented <= known, f"{title}: documented, and not known"


@pytest.mark.parametrize("text", blocks("json"))
def test_a_json_example_parses(text):
    json.loads(text)


@pytest.mark.parametrize("text", blocks("sh", "bash", "shell", "console"))
def test_a_shell_example_parses_and_names_commands_that_exist(text):
    # In a transcript the commands are the lines after the prompt.
    prompted = re.findall(r"^\$ (.*)$", text, re.MULTILINE)
    script = "\n".join(prompted) if prompted else text
    parsed = subprocess.run(["bash", "-n"], input=script, check=False, capture_output=True, text=True)
    assert parsed.returncode == 0, parsed.stderr
    for command in re.findall(r"(?:^|[;&|(] *)(?:\S*/)?tailrace ([a-z]+(?: [a-z]+)?)", script, re.MULTILINE):
        words = command.split()
        known = [ran for n in (2, 1) if (ran := run_tailrace(*words[:n], "--help")).returncode == 0]
        assert known, f"tailrace {command} is no command"
    for target in re.findall(r"^make ([a-z0-9]+)", script, re.MULTILINE):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), (
            f"make {target} is no target"
        )
    for name in re.findall(r"(?:^|\s)((?:tools|examples|tests)/[\w./-]+)", script):
        assert (ROOT / name).exists(), f"{name} is not there"


def test_the_table_mapping_example_is_one_that_tasks_take(tmp_path):
    assert json.loads((ROOT / "examples/mappings.json").read_text())["rules"]
    file = tmp_path / "tailrace.yaml"
    file.write_text(json.dumps({
        "streams": {"s": {}},
        "tasks": {"t": {"source": "postgresql://localhost/shop", "stream": "s",
                        "table_mappings": str(ROOT / "examples/mappings.json")}}}))  # fmt: skip
    ran = run_tailrace("validate", "--config", file)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_tests_that_the_page_on_guarantees_names_are_there():
    named = set(re.findall(r"`((?:src|tests)/[^`]+)`", (ROOT / "docs/guarantees.md").read_text()))
    assert named
    assert not [name for name in named if not (ROOT / name).exists()]
