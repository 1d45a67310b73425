"""Records reach functions: as Lambda gives them, in order, at least once, and no failure spreads."""

import base64
import json
import os
import stat
import sys
import textwrap

import pytest

from conftest import STREAM, TASK, json_lines, task_config
from harness.processes import alive
from harness.waiting import wait_until


@pytest.fixture
def code(tmp_path):
    """Makes a function's folder; the handler keeps what it got in a file that the test reads."""

    def make(name, source, file="app.py", executable=False):
        folder = tmp_path / name
        folder.mkdir()
        (folder / file).write_text(textwrap.dedent(source))
        if executable:
            (folder / file).chmod((folder / file).stat().st_mode | stat.S_IXUSR)
        return folder

    return make


# One write an event; it begins a line, so that one which a kill cut short spoils no other.
KEEP_EVENTS = """
    import json, os

    def lambda_handler(event, context):
        file = os.open(os.environ["KEPT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, ("\\n" + json.dumps(event)).encode())
        os.close(file)
"""


def changes_in(events):
    return [json.loads(base64.b64decode(r["kinesis"]["data"])) for event in events for r in event["Records"]]


def functions_config(database, functions, shards=1, trigger=None, **task):
    """One cdc task whose stream feeds each of the functions."""
    config = task_config(database.uri(), "a", shards=shards, **{"migration_type": "cdc"} | task)
    config["functions"] = {
        name: {"runtime": "python3", "handler": "app.lambda_handler"} | function
        for name, function in functions.items()
    }
    config["triggers"] = [{"stream": STREAM, "function": name} | (trigger or {}) for name in functions]
    return config


@pytest.fixture
def serve(database, tailrace):
    """A table `a`, a task for it and functions behind it."""
    database.sql("create table a (id int primary key, v text)")

    def make(functions, aws=None, **options):
        config = functions_config(database, functions, **options)
        if aws:
            config["aws"] = aws
        server = tailrace(config, until="/livez")
        server.wait_task(TASK, "running")
        return server

    return make


def handled(server, database):
    """Until every trigger has handled all that is committed by now."""
    server.wait_durable(TASK, database.lsn(), delivered=True)


# What a handler gets


def test_a_python_handler_gets_a_kinesis_event(database, serve, code, tmp_path):
    kept = tmp_path / "kept"
    server = serve({"f": {"code": str(code("f", KEEP_EVENTS)), "environment": {"KEPT": str(kept)}}})
    database.sql("insert into a values (1, 'one')")
    handled(server, database)

    ((record,),) = [event["Records"] for event in json_lines(kept)]
    stored = server.records(STREAM)[0][0]
    assert record["eventSource"] == "aws:kinesis"
    assert record["eventVersion"] == "1.0"
    assert record["eventName"] == "aws:kinesis:record"
    assert record["eventID"] == f"{stored['shard_id']}:{stored['sequence_number']}"
    assert record["eventSourceARN"].endswith(f":stream/{STREAM}")
    assert set(record) == {"kinesis", "eventSource", "eventVersion", "eventID", "eventName",
                           "invokeIdentityArn", "awsRegion", "eventSourceARN"}  # fmt: skip
    kinesis = record["kinesis"]
    assert kinesis["kinesisSchemaVersion"] == "1.0"
    assert kinesis["partitionKey"] == stored["partition_key"] == "public.a.1"
    assert kinesis["sequenceNumber"] == stored["sequence_number"]
    assert base64.b64decode(kinesis["data"]).decode() == stored["data"]
    assert isinstance(kinesis["approximateArrivalTimestamp"], float)


def test_a_nodejs_handler_runs(database, serve, code):
    source = """
        exports.handler = async (event, context) => {
          for (const record of event.Records)
            console.log("node got", Buffer.from(record.kinesis.data, "base64").toString());
          return {remaining: context.getRemainingTimeInMillis() > 0};
        };
    """
    folder = code("f", source, file="index.js")
    server = serve({"f": {"runtime": "nodejs", "handler": "index.handler", "code": str(folder)}})
    database.sql("insert into a values (1, 'one')")
    handled(server, database)

    assert any('node got {"op":"I"' in line for line in server.logs("f"))


def test_a_bootstrap_of_one_s_own_runs(database, serve, code, tmp_path):
    kept = tmp_path / "kept"
    source = f"""\
        #!{sys.executable}
        import os, urllib.request
        base = f"http://{{os.environ['AWS_LAMBDA_RUNTIME_API']}}/2018-06-01/runtime/invocation"
        while True:
            with urllib.request.urlopen(f"{{base}}/next") as answer:
                request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
                event = answer.read().decode()
            with open(os.environ["KEPT"], "a") as kept:
                kept.write(event + "\\n")
            urllib.request.urlopen(f"{{base}}/{{request_id}}/response", data=b"{{}}").close()
    """
    folder = code("f", source, file="bootstrap", executable=True)
    function = {
        "runtime": "provided",
        "code": str(folder),
        "environment": {"KEPT": str(kept)},
        "timeout": "20s",
    }
    server = serve({"f": function})
    database.sql("insert into a values (1, 'one')")
    handled(server, database)

    assert [change["data"] for change in changes_in(json_lines(kept))] == [{"id": 1, "v": "one"}]


def test_a_handler_sees_the_context_and_not_the_server_s_environment(database, serve, code):
    source = """
        import os

        def lambda_handler(event, context):
            print("context", context.function_name, context.memory_limit_in_mb, len(context.aws_request_id),
                  context.get_remaining_time_in_millis() <= 2000)
            print("arn", context.invoked_function_arn)
            print("variables", os.environ["MINE"], os.environ["AWS_REGION"], "HOME_OF_THE_SERVER" in os.environ)
    """
    os.environ["HOME_OF_THE_SERVER"] = "secret"
    try:
        function = {"code": str(code("f", source)), "timeout": "2s", "environment": {"MINE": "m"}}
        server = serve({"f": function}, aws={"region": "eu-west-1", "account": "123456789012"})
    finally:
        del os.environ["HOME_OF_THE_SERVER"]
    database.sql("insert into a values (1, 'one')")
    handled(server, database)

    lines = server.logs("f")
    assert "context f 128 36 True" in lines
    assert "arn arn:aws:lambda:eu-west-1:123456789012:function:f" in lines
    assert "variables m eu-west-1 False" in lines


# Order and completeness


def test_each_row_s_changes_arrive_in_order_over_many_batches(database, serve, code, tmp_path):
    kept = tmp_path / "kept"
    function = {"code": str(code("f", KEEP_EVENTS)), "environment": {"KEPT": str(kept)}, "concurrency": 3}
    server = serve({"f": function}, shards=3, trigger={"batch_size": 7})
    database.sql("insert into a select g, '0' from generate_series(1, 20) g")
    for version in range(1, 10):
        database.sql("update a set v = %s", str(version))
    handled(server, database)

    events = json_lines(kept)
    assert all(len(event["Records"]) <= 7 for event in events)
    seen = {}
    for change in changes_in(events):
        seen.setdefault(change["data"]["id"], []).append(int(change["data"]["v"]))
    assert seen == {row: list(range(10)) for row in range(1, 21)}


def test_nothing_is_skipped_when_the_server_is_killed_at_work(database, serve, code, tmp_path):
    kept = tmp_path / "kept"
    function = {"code": str(code("f", KEEP_EVENTS)), "environment": {"KEPT": str(kept)}}
    server = serve({"f": function}, shards=2, trigger={"batch_size": 5})
    for part in range(4):
        database.sql(
            "insert into a select g, 'x' from generate_series(%s::int, %s::int) g",
            part * 100,
            part * 100 + 99,
        )
        progress = len(changes_in(json_lines(kept)))
        wait_until(
            lambda progress=progress: len(changes_in(json_lines(kept))) > progress, 30, "the function works"
        )
        server.kill9()
        server.start(until="/livez")
    handled(server, database)

    assert {change["data"]["id"] for change in changes_in(json_lines(kept))} == set(range(400))


def test_a_batch_size_and_window_gather_records(database, serve, code, tmp_path):
    kept = tmp_path / "kept"
    function = {"code": str(code("f", KEEP_EVENTS)), "environment": {"KEPT": str(kept)}}
    server = serve({"f": function}, trigger={"batch_size": 50, "batch_window": "60s"})
    database.sql("insert into a select g, 'x' from generate_series(1, 30) g")
    database.sql("insert into a select g, 'x' from generate_series(31, 50) g")
    handled(server, database)

    assert [len(event["Records"]) for event in json_lines(kept)] == [50]


def test_latest_begins_behind_what_is_there(database, serve, code, tmp_path, tailrace):
    kept = tmp_path / "kept"
    folder = code("f", KEEP_EVENTS)
    server = serve({})
    database.sql("insert into a values (1, 'before')")
    server.wait_durable(TASK, database.lsn())

    function = {"code": str(folder), "environment": {"KEPT": str(kept)}}
    server.configure(functions_config(database, {"f": function}, trigger={"starting_position": "latest"}))
    server.restart(until="/livez")
    database.sql("insert into a values (2, 'after')")
    handled(server, database)

    assert [change["data"]["id"] for change in changes_in(json_lines(kept))] == [2]


# Failures


FAILS_TWICE = """
    import os

    def lambda_handler(event, context):
        with open(os.environ["KEPT"], "a") as kept:
            kept.write(context.aws_request_id + "\\n")
        if len(open(os.environ["KEPT"]).readlines()) < 3:
            raise ValueError("not yet")
"""


def test_a_failed_batch_is_tried_again_under_the_same_request_id(database, serve, code, tmp_path):
    kept = tmp_path / "kept"
    server = serve({"f": {"code": str(code("f", FAILS_TWICE)), "environment": {"KEPT": str(kept)}}})
    database.sql("insert into a values (1, 'x')")
    handled(server, database)

    attempts = kept.read_text().split()
    assert len(attempts) == 3
    assert len(set(attempts)) == 1
    assert server.trigger("f")["parked"] == 0
    assert server.trigger("f")["failures"] == 2


REFUSES_POISON = """
    import base64, json, os

    def lambda_handler(event, context):
        for record in event["Records"]:
            change = json.loads(base64.b64decode(record["kinesis"]["data"]))
            if change["data"]["v"] == "poison" and not os.path.exists(os.environ["CURED"]):
                raise ValueError("I do not take poison")
            with open(os.environ["KEPT"], "a") as kept:
                kept.write(change["data"]["v"] + "\\n")
"""


@pytest.fixture
def poisoned(database, serve, code, tmp_path):
    environment = {"KEPT": str(tmp_path / "kept"), "CURED": str(tmp_path / "cured")}
    server = serve(
        {"f": {"code": str(code("f", REFUSES_POISON)), "environment": environment}},
        trigger={"batch_size": 1, "attempts": 2},
    )
    for number, value in enumerate(("good", "poison", "better")):
        database.sql("insert into a values (%s, %s)", number, value)
    handled(server, database)
    return server


def test_a_batch_that_keeps_failing_is_parked_and_the_shard_goes_on(poisoned, tmp_path):
    assert (tmp_path / "kept").read_text().split() == ["good", "better"]
    (parked,) = poisoned.get("/v1/parked")["parked"]
    assert (parked["function"], parked["records"], parked["attempts"]) == ("f", 1, 2)

    whole = poisoned.get(f"/v1/parked/{parked['id']}")
    assert "I do not take poison" in json.dumps(whole["error"])
    assert "ValueError" in json.dumps(whole["error"])
    event = whole["event"] if isinstance(whole["event"], dict) else json.loads(whole["event"])
    assert [change["data"]["v"] for change in changes_in([event])] == ["poison"]


def test_a_parked_batch_is_redriven_or_discarded_on_the_command_line(poisoned, tmp_path):
    (parked,) = poisoned.get("/v1/parked")["parked"]
    listed = poisoned.run("parked", "list")
    assert listed.returncode == 0 and str(parked["id"]) in listed.stdout

    refused = poisoned.run("parked", "redrive", parked["id"])
    assert refused.returncode == 1 and "I do not take poison" in refused.stderr
    (tmp_path / "cured").touch()
    redriven = poisoned.run("parked", "redrive", parked["id"])
    assert redriven.returncode == 0, redriven.stderr
    assert (tmp_path / "kept").read_text().split() == ["good", "better", "poison"]
    assert poisoned.get("/v1/parked")["parked"] == []

    missing = poisoned.run("parked", "discard", parked["id"])
    assert missing.returncode == 1 and str(parked["id"]) in missing.stderr


def test_parked_batches_and_checkpoints_survive_a_kill(poisoned, tmp_path):
    poisoned.kill9()
    poisoned.start(until="/livez")

    (parked,) = poisoned.get("/v1/parked")["parked"]
    discarded = poisoned.run("parked", "discard", parked["id"])
    assert discarded.returncode == 0, discarded.stderr
    assert poisoned.get("/v1/parked")["parked"] == []
    assert (tmp_path / "kept").read_text().split() == ["good", "better"], "nothing is given twice"


FAULTY = {
    "raises": ("raise KeyError('broken')", "KeyError"),
    "times out": ("import time\n            time.sleep(60)", "Task timed out after 1.00 seconds"),
    "exits": ("import os\n            os._exit(3)", "exit"),
    "takes all memory": ("x = bytearray(1 << 40)", "MemoryError"),
    "is killed": ("import os, signal\n            os.kill(os.getpid(), signal.SIGKILL)", "signal"),
}


@pytest.mark.parametrize("how", FAULTY)
def test_a_function_that_fails_harms_no_other(database, serve, code, tmp_path, how):
    body, expected = FAULTY[how]
    source = f"""
        def lambda_handler(event, context):
            {body}
    """
    kept = tmp_path / "kept"
    server = serve(
        {
            "bad": {"code": str(code("bad", source)), "timeout": "1s" if how == "times out" else "10s"},
            "good": {"code": str(code("good", KEEP_EVENTS)), "environment": {"KEPT": str(kept)}},
        },
        trigger={"attempts": 1},
    )
    database.sql("insert into a values (1, 'x')")
    handled(server, database)

    assert len(json_lines(kept)) == 1
    (parked,) = server.get("/v1/parked")["parked"]
    assert parked["function"] == "bad"
    assert expected.lower() in json.dumps(server.get(f"/v1/parked/{parked['id']}")["error"]).lower()


def test_a_timeout_ends_what_the_handler_started_too(database, serve, code, tmp_path):
    pids = tmp_path / "pids"
    source = """
        import os, subprocess, time

        def lambda_handler(event, context):
            child = subprocess.Popen(["sleep", "600"], start_new_session=True)
            with open(os.environ["PIDS"], "w") as file:
                file.write(f"{os.getpid()} {child.pid}")
            time.sleep(600)
    """
    server = serve(
        {"f": {"code": str(code("f", source)), "timeout": "1s", "environment": {"PIDS": str(pids)}}},
        trigger={"attempts": 1},
    )
    database.sql("insert into a values (1, 'x')")
    handled(server, database)

    worker, child = map(int, pids.read_text().split())
    wait_until(lambda: not alive(worker) and not alive(child), 10, "the worker and its child are gone")
    assert server.get("/v1/functions/f")["timeouts"] == 1


def test_a_handler_that_does_not_import_says_why(database, serve, code):
    server = serve({"f": {"code": str(code("f", "import no_such_module\n"))}}, trigger={"attempts": 1})
    database.sql("insert into a values (1, 'x')")
    handled(server, database)

    assert "no_such_module" in server.get("/v1/functions/f")["last_error"]
    (parked,) = server.get("/v1/parked")["parked"]
    assert "Runtime.ImportModuleError" in json.dumps(server.get(f"/v1/parked/{parked['id']}")["error"])


def test_no_process_outlives_the_server(database, serve, code, tmp_path):
    pids = tmp_path / "pids"
    source = """
        import os

        def lambda_handler(event, context):
            with open(os.environ["PIDS"], "a") as file:
                file.write(f"{os.getpid()}\\n")
    """
    server = serve({"f": {"code": str(code("f", source)), "environment": {"PIDS": str(pids)}}})
    for how in ("kill9", "stop"):
        pids.unlink(missing_ok=True)
        database.sql("insert into a values ((select coalesce(max(id), 0) + 1 from a), 'x')")
        handled(server, database)
        workers = {int(pid) for pid in pids.read_text().split()}
        assert workers and all(alive(pid) for pid in workers)
        getattr(server, how)()
        wait_until(lambda workers=workers: not any(alive(pid) for pid in workers), 10, "the workers are gone")
        if how == "kill9":
            server.start(until="/livez")


def test_what_outlives_a_killed_server_ends_at_the_next_start(serve, code, tmp_path):
    pids = tmp_path / "pids"
    source = """
        import os
        import time

        def lambda_handler(event, context):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    with open(os.environ["PIDS"], "w") as file:
                        file.write(str(os.getpid()))
                    time.sleep(1000)
                os._exit(0)
            os.wait()
            while not os.path.exists(os.environ["PIDS"]) or not os.path.getsize(os.environ["PIDS"]):
                time.sleep(0.01)
    """
    server = serve({"f": {"code": str(code("f", source)), "environment": {"PIDS": str(pids)}}})
    server.post("/v1/functions/f/invoke", {})
    pid = int(pids.read_text())
    server.kill9()
    assert alive(pid), "the kernel ends workers, and not what fled from them"
    server.start(until="/livez")
    assert not alive(pid)


# By hand


def test_invoke_runs_a_function_once_and_shows_its_answer(serve, code, tmp_path):
    source = """
        def lambda_handler(event, context):
            print("asked with", event)
            if event.get("fail"):
                raise RuntimeError("as you wish")
            return {"doubled": event["number"] * 2}
    """
    server = serve({"f": {"code": str(code("f", source))}})
    answer = server.post("/v1/functions/f/invoke", {"number": 21})
    assert answer["outcome"] == "ok"
    payload = answer["payload"] if isinstance(answer["payload"], dict) else json.loads(answer["payload"])
    assert payload == {"doubled": 42}
    assert "asked with {'number': 21}" in answer["log_tail"]

    failed = server.post("/v1/functions/f/invoke", {"fail": True})
    assert failed["outcome"] == "function_error"
    assert "as you wish" in json.dumps(failed["payload"])
    assert failed["request_id"] != answer["request_id"]


def test_lines_of_a_function_carry_their_request(serve, code):
    source = """
        def lambda_handler(event, context):
            print("one\\x1b[31m line")
    """
    server = serve({"f": {"code": str(code("f", source))}})
    answer = server.post("/v1/functions/f/invoke", {})
    lines = wait_until(
        lambda: [x for x in server.get("/v1/functions/f/logs?after=0")["lines"] if "one" in x["text"]],
        10, "the line is kept")  # fmt: skip
    assert lines[0]["request_id"] == answer["request_id"]
    assert "\x1b" not in lines[0]["text"], "a terminal is not at the function's mercy"
