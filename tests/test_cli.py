"""The command line: what people and scripts type, what comes back, and the exit code."""

import json
import re
import signal
import socket
import subprocess

import pytest

from conftest import STREAM, TASK, Capture, python_function, task_config
from harness.postgres import ROOT
from harness.processes import spawn
from harness.server import clean_environment, run_tailrace, tailrace_binary
from harness.waiting import free_port, wait_until

COMMANDS = ["run", "dev", "check", "validate", "status", "tail", "wait", "logs", "invoke", "parked", "task", "log",
            "version", "completion"]  # fmt: skip


@pytest.fixture
def running(database, tailrace, tmp_path):
    """A server with a task, three rows and a function."""
    database.sql("create table a (id int primary key); insert into a values (1), (2), (3)")
    code = tmp_path / "f"
    code.mkdir()
    (code / "app.py").write_text(
        "def lambda_handler(event, context):\n"
        "    print('called with', len(event.get('Records', [])))\n"
        "    if event.get('fail'): raise ValueError('told to')\n"
        "    return {'got': event.get('Records') and len(event['Records'])}\n"
    )
    config = task_config(database.uri(), "a") | {
        "functions": {"f": python_function(code)},
        "triggers": [{"stream": STREAM, "function": "f"}],
    }
    server = tailrace(config)
    server.wait_task(TASK, "running")
    return server


def envelope(ran):
    """What --json prints: one document, on stdout."""
    document = json.loads(ran.stdout)
    assert {"command", "ok"} <= set(document)
    assert document["ok"] is (ran.returncode == 0), document
    return document


# Without a server


def test_help_lists_every_command_and_each_explains_itself():
    ran = run_tailrace("--help")
    assert ran.returncode == 0
    for command in COMMANDS:
        assert re.search(rf"^\s+{command}\b", ran.stdout, re.MULTILINE), command
        own = run_tailrace(command, "--help")
        assert own.returncode == 0 and len(own.stdout) > 80, command


def test_version_is_that_of_the_project():
    version = re.search(r"project\(tailrace VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text()).group(
        1
    )
    assert run_tailrace("version").stdout.strip() == f"tailrace {version}"
    assert run_tailrace("--version").stdout.strip().endswith(version)
    assert envelope(run_tailrace("version", "--json"))["result"]["version"] == version


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_the_commands(shell):
    ran = run_tailrace("completion", shell)
    assert ran.returncode == 0
    assert all(command in ran.stdout for command in COMMANDS)


def test_the_bash_completion_completes(tmp_path):
    script = tmp_path / "completion"
    script.write_text(run_tailrace("completion", "bash").stdout)
    asked = f"""
        source {script}
        complete -p tailrace >/dev/null || exit 1
        function=$(complete -p tailrace | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        COMP_WORDS=(tailrace va) COMP_CWORD=1 COMP_LINE='tailrace va' COMP_POINT=11
        $function tailrace va tailrace && printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    ran = subprocess.run(["bash", "-c", asked], check=False, capture_output=True, text=True)
    assert ran.stdout.split() == ["validate"], ran.stderr


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["tail"], ["wait", "--task", "t"], ["--no-such-flag"], ["task", "explode", "t"], []])  # fmt: skip
def test_wrong_usage_is_exit_code_2_with_words_on_stderr(arguments):
    ran = run_tailrace(*arguments)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr


def test_a_mistyped_command_is_answered_with_the_nearest():
    ran = run_tailrace("staus")
    assert ran.returncode == 2
    assert "status" in ran.stderr


def test_a_server_that_is_not_there_is_exit_code_3():
    address = f"127.0.0.1:{free_port()}"
    ran = run_tailrace("status", "--admin", address)
    assert ran.returncode == 3
    assert address in ran.stderr and ran.stdout == ""
    document = json.loads(run_tailrace("status", "--admin", address, "--json").stdout)
    assert document["ok"] is False
    assert address in document["error"]["message"]


def test_validate_accepts_what_is_right_and_counts_what_is_wrong(tmp_path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("streams:\n  s: {shards: 2}\n")
    bad.write_text("streams:\n  s: {shard: 2}\n")
    assert run_tailrace("validate", "--config", good).returncode == 0
    ran = run_tailrace("validate", "--config", bad)
    assert ran.returncode == 2
    assert f"{bad}:2:" in ran.stdout + ran.stderr
    assert "shards" in ran.stdout + ran.stderr, "did you mean"
    assert envelope(run_tailrace("validate", "--config", bad, "--json"))["ok"] is False


def test_colour_is_for_people(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("streams:\n  s: {shard: 2}\n")
    assert "\x1b[" not in run_tailrace("validate", "--config", file).stderr
    coloured = run_tailrace("--color", "always", "validate", "--config", file)
    assert "\x1b[" in coloured.stderr + coloured.stdout
    never = run_tailrace("--color", "never", "validate", "--config", file, CLICOLOR_FORCE="1")
    assert "\x1b[" not in never.stderr + never.stdout


# With a server


def test_the_server_is_found_by_flag_variable_and_file(running):
    by_flag = run_tailrace("status", "--admin", running.admin)
    by_variable = run_tailrace("status", TAILRACE_ADMIN=running.admin)
    by_file = run_tailrace("status", "--config", running.config_file)
    by_default_file = run_tailrace("status", cwd=running.folder)
    for ran in (by_flag, by_variable, by_file, by_default_file):
        assert ran.returncode == 0, ran.stderr
        assert TASK in ran.stdout and STREAM in ran.stdout
    wrong = run_tailrace("status", "--admin", running.admin, TAILRACE_ADMIN="127.0.0.1:1")
    assert wrong.returncode == 0, "the flag beats the variable"


def test_status_shows_what_the_api_has(running):
    result = envelope(running.run("status", "--json"))["result"]
    assert [task["name"] for task in result["tasks"]] == [TASK]
    assert [stream["name"] for stream in result["streams"]] == [STREAM]


def test_wait_returns_when_it_is_durable_or_delivered(running, database):
    database.sql("insert into a values (4)")
    for flag in ([], ["--delivered"]):
        ran = running.run("wait", "--task", TASK, "--lsn", database.lsn(), *flag)
        assert ran.returncode == 0, ran.stderr
    rows = Capture(database, running, "flat").rows()
    assert [m.data["id"] for m in rows] == [1, 2, 3, 4]

    late = running.run("wait", "--task", TASK, "--lsn", "FFFFFFFF/0", "--timeout", "200ms")
    assert late.returncode == 1
    assert "FFFFFFFF/0" in late.stderr
    assert running.run("wait", "--task", TASK, "--lsn", "nonsense").returncode == 2
    assert running.run("wait", "--task", "nope", "--lsn", "0/1").returncode == 1


def test_tail_shows_what_is_there_and_what_comes(running, database):
    ran = running.run("tail", STREAM, "--from", "trim-horizon", "--limit", 3, "--json")
    assert ran.returncode == 0, ran.stderr
    rows = [json.loads(json.loads(line)["data"]) for line in ran.stdout.splitlines()]
    assert [row["data"]["id"] for row in rows] == [1, 2, 3]
    for_people = running.run("tail", STREAM, "--from", "trim-horizon", "--limit", 3)
    assert for_people.returncode == 0 and "public.a.1" in for_people.stdout

    live = spawn([tailrace_binary(), "tail", STREAM, "--json", "--limit", "1"], cwd=running.folder,
                 env=clean_environment(TAILRACE_ADMIN=running.admin), stdout=subprocess.PIPE, text=True)  # fmt: skip
    numbers = iter(range(100, 10000))

    def came():
        # Its start is not announced, so rows are written until one came.
        database.sql("insert into a values (%s)", next(numbers))
        return live.poll() is not None

    wait_until(came, 20, "tail shows a record and ends")
    record = json.loads(live.communicate()[0])
    assert json.loads(record["data"])["data"]["id"] >= 100
    assert live.returncode == 0


@pytest.mark.parametrize("number", ["0", "-1"])
def test_tail_refuses_a_limit_that_is_none(number):
    ran = run_tailrace("tail", "s", "--limit", number)
    assert ran.returncode == 2
    assert f'--limit: expected a whole number from 1, found "{number}"' in ran.stderr


def test_log_verify_tells_of_a_stream_that_was_never_written_to(tailrace):
    server = tailrace({"streams": {"quiet": {}}})
    server.stop()
    for given in (server.data, *(server.data / "streams").iterdir()):
        ran = run_tailrace("log", "verify", given)
        assert ran.returncode == 0, ran.stderr
        assert "empty" in ran.stdout


def test_log_verify_refuses_a_folder_without_a_log(tmp_path):
    ran = run_tailrace("log", "verify", tmp_path)
    assert ran.returncode == 2
    assert "neither a data folder" in ran.stderr


def test_tail_ends_after_its_time_and_when_its_reader_leaves(running):
    quiet = running.run("tail", STREAM, "--for", "100ms")
    assert (quiet.returncode, quiet.stdout) == (0, "")
    piped = subprocess.run(
        ["bash", "-o", "pipefail", "-c", '"$0" tail "$1" --from trim-horizon | head -n 1', str(tailrace_binary()), STREAM],
        check=False, capture_output=True, text=True, timeout=20,
        env=clean_environment(TAILRACE_ADMIN=running.admin))  # fmt: skip
    assert piped.returncode == 0, piped.stderr
    assert len(piped.stdout.splitlines()) == 1


def test_invoke_and_logs_show_a_function_at_work(running, tmp_path):
    event = tmp_path / "event.json"
    event.write_text('{"Records": [1, 2]}')
    ran = running.run("invoke", "f", "--event", event)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"got": 2}
    failed = running.run("invoke", "f", "--event", '{"fail": true}')
    assert failed.returncode == 1
    assert "told to" in failed.stdout + failed.stderr
    assert running.run("invoke", "nope", "--event", "{}").returncode == 1
    # As a trigger would call it.
    ran = running.run("invoke", "f", "--newest-of", STREAM)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"got": 1}
    assert running.run("invoke", "f", "--newest-of", "nope").returncode == 1

    logs = running.run("logs", "f")
    assert logs.returncode == 0
    assert "called with 2" in logs.stdout


def test_a_task_is_stopped_started_and_resumed(running, database):
    assert running.run("task", "stop", TASK).returncode == 0
    assert running.task(TASK)["state"] == "stopped"
    database.sql("insert into a values (4)")
    assert running.run("task", "resume", TASK).returncode == 0
    running.wait_task(TASK, "running")
    assert running.run("task", "stop", TASK).returncode == 0
    assert running.run("task", "start", TASK).returncode == 0
    running.wait_task(TASK, "running")

    assert [m.data["id"] for m in Capture(database, running, "flat").changes()] == [4]
    unknown = running.run("task", "stop", "nope")
    assert unknown.returncode == 1 and "nope" in unknown.stderr


def test_term_drains_and_ends_with_0_also_when_it_comes_twice_at_once(running):
    running.process.send_signal(signal.SIGTERM)
    assert running.wait_end() == 0
    running.start()
    # As a Ctrl-C comes twice: from the terminal and from the program that started us.
    running.process.send_signal(signal.SIGINT)
    running.process.send_signal(signal.SIGINT)
    assert running.wait_end() == 0


def test_hup_takes_a_changed_configuration_up(running):
    config = json.loads(running.config_file.read_text())
    config["streams"]["another"] = {"shards": 2}
    running.config_file.write_text(json.dumps(config))
    running.process.send_signal(signal.SIGHUP)
    wait_until(
        lambda: "another" in [s["name"] for s in running.status()["streams"]], 10, "the stream is there"
    )

    running.config_file.write_text("streams: {another: {shards: zero}}\n")
    running.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "streams.another.shards" in running.stderr(), 10, "the mistake is reported")
    assert running.is_ready(), "what runs goes on"
    assert running.task(TASK)["state"] == "running"


def test_health_and_metrics(running):
    ready = running.get("/readyz?verbose")
    assert ready["status"] == "ok"
    assert all(check["ok"] for check in ready["checks"]) and ready["checks"]
    metrics = running.get("/metrics")
    names = set(re.findall(r"^([a-z_]+)\{?", metrics, re.MULTILINE))
    assert names and all(name.startswith("tailrace_") for name in names), names


# tailrace dev


def dev(*arguments, folder):
    ports = ["--listen-admin", f"127.0.0.1:{free_port()}", "--listen-aws", f"127.0.0.1:{free_port()}"]
    return spawn(
        [tailrace_binary(), "dev", *arguments, *ports], cwd=folder,
        env=clean_environment(XDG_STATE_HOME=str(folder / "state")), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip


def test_dev_needs_no_file_runs_a_function_and_cleans_up(database, tmp_path):
    database.sql("create table a (id int primary key); insert into a values (1)")
    (tmp_path / "handler.py").write_text(
        "def on_change(event, context):\n    print('RECORDS', len(event['Records']))\n"
    )
    process = dev(
        database.uri(), "--table", "public.a", "--function", "handler.py:on_change", folder=tmp_path
    )
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if "RECORDS" in line:
                break
        else:
            pytest.fail("dev ended:\n" + "".join(said))
        assert database.slot("tailrace_dev")["active"]
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
        assert process.returncode == 0, rest
    finally:
        if process.poll() is None:
            process.kill()
    assert "tailrace tail dev" in "".join(said), "it says what to try"
    assert "tailrace invoke dev --newest-of dev" in "".join(said)
    assert database.slot("tailrace_dev") is None
    assert database.sql("select pubname from pg_publication") == []
    assert list((tmp_path / "state").rglob("*.seg*")) == []


def test_dev_runs_the_example_of_the_readme(database, tmp_path):
    database.sql((ROOT / "examples/products/products.sql").read_text())
    process = dev(
        database.uri(), "--table", "public.products",
        "--function", ROOT / "examples/products/app.py:lambda_handler", folder=tmp_path)  # fmt: skip
    try:
        shown = next(
            (line for line in process.stdout if line.startswith("product ") or "ERROR" in line), None
        )
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert shown == "product 1 (Walnut desk): in stock 12, price 349.00\n"


def test_dev_leaves_the_slot_of_another_alone(database, tmp_path):
    database.sql("create table a (id int primary key)")
    database.sql("select pg_create_logical_replication_slot('tailrace_dev', 'pgoutput')")
    process = dev(database.uri(), folder=tmp_path)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 3, said
    assert "--slot NAME" in said and "pg_drop_replication_slot('tailrace_dev')" in said
    assert database.slot("tailrace_dev") is not None
    assert list(tmp_path.rglob("dev-*")) == []


def test_dev_that_cannot_listen_leaves_nothing(database, tmp_path):
    database.sql("create table a (id int primary key)")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = spawn(
            [tailrace_binary(), "dev", database.uri(), "--listen-admin", f"127.0.0.1:{taken.getsockname()[1]}"],
            cwd=tmp_path, env=clean_environment(XDG_STATE_HOME=str(tmp_path / "state")),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 3, said
    assert "in use" in said
    assert list(tmp_path.rglob("dev-*")) == []
    assert database.slot("tailrace_dev") is None


def test_dev_prints_the_sql_that_is_missing(own_postgres, make_database, tmp_path):
    postgres = own_postgres()
    database = make_database(postgres)
    database.sql("create role cdc login; create table a (id int primary key)")
    process = dev(postgres.uri(database.name, "cdc"), "--table", "a", folder=tmp_path)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 3
    assert 'ALTER ROLE "cdc" REPLICATION' in said
