"""Wrong input and faults of the world: a clear error that names the way out, and nothing lost."""

import json
import subprocess
import textwrap

import pytest

from conftest import STREAM, TASK, Capture, fill, python_function, says, task_config
from harness.server import Tailrace, run_tailrace
from harness.waiting import free_port, wait_until


@pytest.fixture
def failing(tailrace):
    """Starts a task that cannot run; the task's status once it says so."""

    def make(source, *tables, **task):
        server = tailrace(task_config(source, *tables, **task), until="/livez")
        return server, server.wait_task(TASK, "failed", "retrying")

    return make


@pytest.fixture
def check(tmp_path):
    """`tailrace check` of one task."""

    def run(source, *tables, **task):
        file = tmp_path / "checked.yaml"
        config = task_config(source, *tables, **task) | {"data": str(tmp_path / "data")}
        file.write_text(json.dumps(config))
        return run_tailrace("check", "--config", file)

    return run


# The source


def test_a_server_that_is_away_is_tried_again_until_it_is_there(own_postgres, make_database, failing, check):
    postgres = own_postgres()
    database = make_database(postgres)
    database.sql("create table a (id int primary key)")
    database.connection.close()
    postgres.stop()

    checked = check(database.uri(), "a")
    assert checked.returncode == 3
    says(checked.stdout + checked.stderr, "127.0.0.1", str(postgres.port))
    server, task = failing(database.uri(), "a")
    assert (task["state"], task["error"]["fault"]) == ("retrying", "unavailable")
    says(task["error"]["message"], str(postgres.port))

    postgres.start()
    server.wait_task(TASK, "running")


def test_a_source_that_is_no_uri_is_refused_before_anything_starts(tailrace):
    server = tailrace(task_config("mysql://root@localhost/shop", "a"), start=False)
    server.launch()
    assert server.wait_end() == 2
    says(server.stderr(), "tailrace.yaml:", "tasks.t.source", "postgresql://")
    assert not server.data.exists(), "a wrong configuration changes nothing"


def test_a_missing_database_is_named(postgres, failing, check):
    uri = postgres.uri("no_such_database")
    checked = check(uri, "a")
    assert checked.returncode in (1, 3)
    says(checked.stdout + checked.stderr, "no_such_database", "does not exist")
    _, task = failing(uri, "a")
    says(task["error"]["message"], "no_such_database", "does not exist")


def test_a_wrong_password_is_named_without_showing_it(own_postgres, make_database, failing, check):
    postgres = own_postgres(
        hba="local all all trust\nhost all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")  # fmt: skip
    database = make_database(postgres)
    database.sql("create role cdc login replication password 'right'; create table a (id int primary key)")
    uri = postgres.uri(database.name, "cdc", "wrong-secret")

    checked = check(uri, "a")
    assert checked.returncode == 3
    says(checked.stdout + checked.stderr, "cdc", "password")
    server, task = failing(uri, "a")
    assert (task["state"], task["error"]["fault"]) == ("failed", "denied")
    for text in (checked.stdout, checked.stderr, server.stderr(), json.dumps(server.status())):
        assert "wrong-secret" not in text


def test_wal_level_names_the_setting_and_the_restart(own_postgres, make_database, failing, check):
    postgres = own_postgres(settings={"wal_level": "replica"})
    database = make_database(postgres)
    database.sql("create table a (id int primary key)")

    checked = check(database.uri(), "a")
    assert checked.returncode != 0
    says(checked.stdout + checked.stderr, "wal_level is replica", "ALTER SYSTEM SET wal_level", "restart")
    _, task = failing(database.uri(), "a")
    assert task["state"] == "failed"
    says(task["error"]["message"], "ALTER SYSTEM SET wal_level", "restart")


def test_missing_rights_come_with_the_sql_that_gives_them(
    own_postgres, make_database, tailrace, failing, check
):
    postgres = own_postgres()
    database = make_database(postgres)
    database.sql(
        "create role cdc login; create table a (id int primary key); create table b (id int primary key)"
    )
    uri = postgres.uri(database.name, "cdc")

    checked = check(uri, "a")
    assert checked.returncode != 0
    says(
        checked.stdout + checked.stderr, 'ALTER ROLE "cdc" REPLICATION', "CREATE PUBLICATION", "GRANT SELECT"
    )
    server, task = failing(uri, "a", "b")
    assert task["error"]["fault"] == "denied"

    # What it asks for is enough.
    database.sql("alter role cdc replication; grant select on a to cdc")
    database.sql(
        "create publication tailrace_t for table only a, only b with (publish_via_partition_root = true)"
    )
    server.post(f"/v1/tasks/{TASK}/start")
    server.wait_task(TASK, "running")
    says(Capture(database, server, "flat").table("b")["error"], "GRANT SELECT", '"b"', "cdc")
    database.sql("insert into a values (1)")
    assert [m.data for m in Capture(database, server, "flat").changes("a")] == [{"id": 1}]


def test_a_missing_table_is_named(database, failing, check):
    database.sql("create table a (id int primary key)")
    for text in (
        (lambda ran: ran.stdout + ran.stderr)(check(database.uri(), "a", "shop.nosuch")),
        failing(database.uri(), "a", "shop.nosuch")[1]["error"]["message"],
    ):
        says(text, "shop.nosuch", "does not exist", "case-sensitive")


def test_check_passes_and_changes_nothing_when_all_is_well(database, check):
    database.sql("create table a (id int primary key)")
    before = database.sql(
        "select (select count(*) from pg_publication), (select count(*) from pg_replication_slots)"
    )
    checked = check(database.uri(), "a")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    after = database.sql(
        "select (select count(*) from pg_publication), (select count(*) from pg_replication_slots)"
    )
    assert before == after


def test_a_slot_in_use_is_waited_for(database, capture, tailrace):
    database.sql("create table a (id int primary key)")
    task = capture("a")
    task.server.stop()
    database.sql("insert into a values (1)")
    other = subprocess.Popen(
        ["/usr/lib/postgresql/15/bin/pg_recvlogical", "-d", database.uri(), "--slot", "tailrace_t", "--start",
         "-o", "proto_version=1", "-o", "publication_names=tailrace_t", "-f", "/dev/null", "--fsync-interval=0",
         "--status-interval=0"])  # fmt: skip
    try:
        wait_until(lambda: database.slot()["active"], 20, "the other client has the slot")
        task.server.start(until="/livez")
        status = task.server.wait_task(TASK, "retrying", "failed")
        assert status["state"] == "retrying"
        says(status["error"]["message"], "tailrace_t", "pg_terminate_backend")
    finally:
        other.kill()
        other.wait()
    task.server.wait_task(TASK, "running", seconds=90)
    assert [m.data["id"] for m in task.changes()] == [1]


def test_a_slot_that_another_one_moved_stops_the_task(database, capture):
    database.sql("create table a (id int primary key)")
    task = capture("a")
    task.caught_up()
    task.server.stop()
    database.sql("insert into a values (1)")
    database.sql("select pg_replication_slot_advance('tailrace_t', pg_current_wal_lsn())")

    task.server.start(until="/livez")
    status = task.server.wait_task(TASK, "failed", "running")
    assert (status["state"], status["error"]["fault"]) == ("failed", "gap")
    says(status["error"]["message"], "tailrace_t", "reload")


def test_a_lost_slot_stops_the_task_and_a_reload_begins_anew(database, capture):
    database.sql("create table a (id int primary key); insert into a values (1)")
    task = capture("a")
    task.server.stop()
    database.sql("select pg_drop_replication_slot('tailrace_t')")
    database.sql("insert into a values (2)")

    task.server.start(until="/livez")
    status = task.server.wait_task(TASK, "failed", "running")
    assert (status["state"], status["error"]["fault"]) == ("failed", "gap")
    says(status["error"]["message"], "slot tailrace_t is gone", "reload")
    assert database.slot() is None, "no slot is made in silence"
    assert task.server.run("task", "resume", TASK).returncode == 0
    task.server.wait_task(TASK, "failed")


def test_a_slot_that_the_server_gave_up_stops_the_task(own_postgres, make_database, tailrace):
    postgres = own_postgres(settings={"max_slot_wal_keep_size": "16MB", "wal_keep_size": "0", "max_wal_size": "32MB",
                                      "min_wal_size": "32MB"})  # fmt: skip
    database = make_database(postgres)
    database.sql("create table a (id int primary key, v text)")
    server = tailrace(task_config(database.uri(), "a"))
    server.wait_task(TASK, "running")
    server.stop()

    def lost():
        database.sql(
            "insert into a select coalesce(max(id), 0) + g, repeat('v', 1000) from a, generate_series(1, 20000) g group by g"
        )
        database.sql("truncate a")
        database.sql("select pg_switch_wal()")
        database.sql("checkpoint")
        return database.slot()["wal_status"] == "lost"

    wait_until(lost, 60, lambda: f"the server gives the slot up: {database.slot()}")
    server.start(until="/livez")
    status = server.wait_task(TASK, "failed", "running")
    assert (status["state"], status["error"]["fault"]) == ("failed", "gap")
    says(status["error"]["message"], "tailrace_t", "max_slot_wal_keep_size", "reload")


def test_an_include_that_matches_no_table_is_a_warning(database, capture, check):
    database.sql("create table a (id int primary key)")
    checked = check(database.uri(), "a", "ord%")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    says(checked.stdout, "public.ord%, which matches no table", "1 table is captured")
    task = capture("a", "ord%")
    assert any("public.ord%" in warning for warning in task.task()["warnings"])
    says(task.server.stderr(), "level=warning", "public.ord%, which matches no table")


def test_a_slot_of_the_same_name_is_not_taken_over(database, failing):
    database.sql("create table a (id int primary key)")
    database.sql("select pg_create_logical_replication_slot('tailrace_t', 'pgoutput')")
    _, task = failing(database.uri(), "a")
    assert (task["state"], task["error"]["fault"]) == ("failed", "conflict")
    says(task["error"]["message"], "tailrace_t", "pg_drop_replication_slot")


def test_a_publication_dropped_while_running_stops_the_task(database, capture):
    database.sql("create table a (id int primary key)")
    task = capture("a")
    database.sql("drop publication tailrace_t")
    database.sql("insert into a values (1)")

    status = task.server.wait_task(TASK, "failed")
    says(status["error"]["message"], "publication", "tailrace_t")

    stopped = task.server.run("task", "stop", TASK)
    assert (stopped.returncode, stopped.stdout) == (0, f"task {TASK}: stopped\n")
    assert task.task()["state"] == "stopped"


def test_one_broken_task_does_not_stop_the_others(database, tailrace):
    database.sql("create table a (id int primary key)")
    config = task_config(database.uri(), "a")
    broken = config["tasks"][TASK] | {"source": database.postgres.uri("no_such_database")}
    config["tasks"]["broken"] = broken
    server = tailrace(config, until="/livez")
    server.wait_task("broken", "failed", "retrying")
    server.wait_task(TASK, "running")
    database.sql("insert into a values (1)")

    assert [m.data for m in Capture(database, server, "flat").changes()] == [{"id": 1}]


# The data folder


def test_a_second_process_on_the_same_data_folder_ends_at_once(tailrace, servers_of_test):
    first = tailrace({})
    second = Tailrace({"data": str(first.data)})
    servers_of_test.append(second)
    second.launch()
    assert second.wait_end() == 3
    says(second.stderr(), str(first.data), "another")
    assert first.is_ready()


def test_a_data_folder_that_cannot_be_made_ends_the_start(servers_of_test, tmp_path):
    (tmp_path / "file").write_text("no folder")
    for folder in (tmp_path / "file", tmp_path / "file/below", tmp_path / ("n" * 300)):
        server = Tailrace({"data": str(folder)})
        servers_of_test.append(server)
        server.launch()
        assert server.wait_end() == 3
        says(server.stderr(), "data folder", str(folder), "data:")


def test_a_port_that_is_taken_is_named(tailrace, servers_of_test):
    first = tailrace({})
    second = Tailrace({"listen": {"admin": first.admin, "aws": f"127.0.0.1:{free_port()}"}})
    servers_of_test.append(second)
    second.launch()
    assert second.wait_end() == 3
    says(second.stderr(), first.admin)
    assert first.is_ready()


def test_a_full_disk_loses_nothing_and_goes_on_when_there_is_room(database, servers_of_test, small_disk):
    database.sql("create table a (id int primary key, v text)")
    server = Tailrace(task_config(database.uri(), "a") | {"data": str(small_disk / "data")})
    servers_of_test.append(server)
    try:
        server.start()
        server.wait_task(TASK, "running")
        for number in range(5):
            database.sql("insert into a values (%s, 'small')", number)
        server.wait_durable(TASK, database.lsn())
        ballast = fill(small_disk)
        database.sql("insert into a select g, repeat('v', 1000) from generate_series(5, 20004) g")
        wait_until(lambda: server.task(TASK)["error"], 30, "the task says what it waits for")
        says(server.task(TASK)["error"]["message"], "no space", "make room")
        assert not server.is_ready()

        ballast.unlink()
        rows = Capture(database, server, "flat").changes()
        assert [m.data["id"] for m in rows] == list(range(20005))
        assert server.is_ready()
    finally:
        server.remove()


def segments_of(server):
    return sorted(
        path for path in server.data.glob("streams/*/**/*") if path.is_file() and path.stat().st_size > 4096
    )


def test_a_damaged_segment_is_reported_and_never_served(database, capture):
    database.sql("create table a (id int primary key, v text)")
    task = capture("a", migration_type="cdc")
    for number in range(50):
        database.sql("insert into a values (%s, repeat('v', 500))", number)
    task.caught_up()
    assert task.server.stop() == 0
    healthy = run_tailrace("log", "verify", task.server.data)
    assert healthy.returncode == 0, healthy.stdout + healthy.stderr

    segment = max(segments_of(task.server), key=lambda path: path.stat().st_size)
    content = bytearray(segment.read_bytes())
    # In the middle of what is written: segments can be allocated ahead.
    at = content.rindex(b"vvvvvvvv") // 2
    content[at] ^= 0x10
    segment.write_bytes(content)

    found = run_tailrace("log", "verify", task.server.data)
    assert found.returncode == 4
    says(found.stdout + found.stderr, segment.name)
    task.server.start(until="/livez")
    stream = task.server.get(f"/v1/streams/{STREAM}")
    assert stream["damage"], "the status names the damage"
    served = []
    for shard in stream["shards"]:
        offset = shard["first_offset"]
        while offset < shard["end_offset"]:
            try:
                page = task.server.get(f"/v1/streams/{STREAM}/records?shard=0&offset={offset}&limit=1")
            except Exception as error:
                assert getattr(error, "fault", None) == "corrupt", error
                offset += 1
                continue
            served += [json.loads(record["data"])["data"] for record in page["records"]]
            offset = page["next_offset"]
    assert all(row["v"] == "v" * 500 for row in served)
    assert 0 < len(served) < 50
    around = slice(at - 100, at + 100)
    assert segment.read_bytes()[around] == content[around], "damaged bytes are kept"


# The configuration


def test_a_configuration_with_ten_errors_shows_all_ten_where_they_are(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text(
        textwrap.dedent("""\
        data: ./data
        listen: {aws: 127.0.0.1:99999}
        strems: {}
        streams:
          s: {shards: none}
          t: {retention: 3 fortnights}
        tasks:
          a:
            source: mysql://x
            stream: missing
            migration_type: full-lod
            message_format: xml
            unknown_key: 1
        functions:
          f: {runtime: cobol, code: ., handler: app.handler}
        triggers:
          - {stream: s, function: g}
        """)
    )
    ran = run_tailrace("validate", "--config", file)
    assert ran.returncode == 2
    said = ran.stdout + ran.stderr
    for line, word in ((2, "99999"), (3, "streams"), (5, "shards"), (6, "retention"), (9, "postgresql://"),
                       (10, "missing"), (11, "full-load"), (12, "dms"), (13, "unknown_key"), (15, "python3"),
                       (17, "g")):  # fmt: skip
        problems = [
            text
            for text in said.splitlines()
            if text.startswith(f"{file}:{line}:") or f"bad.yaml:{line}:" in text
        ]
        assert problems, f"nothing about line {line} in:\n{said}"
        assert any(word in text for text in problems), problems


def test_a_wrong_configuration_starts_nothing(tailrace, database):
    database.sql("create table a (id int primary key)")
    server = tailrace(
        task_config(database.uri(), "a") | {"triggers": [{"stream": "nope", "function": "nope"}]}, start=False
    )
    server.launch()
    assert server.wait_end() == 2
    assert not server.data.exists()
    assert database.slot() is None


def test_a_missing_configuration_file_is_named(tmp_path):
    ran = run_tailrace("run", "--config", tmp_path / "nowhere.yaml")
    assert ran.returncode == 2
    says(ran.stderr, "nowhere.yaml")


def test_a_variable_that_is_not_set_is_an_error_with_its_place(tmp_path):
    file = tmp_path / "tailrace.yaml"
    file.write_text("data: ${NO_SUCH_VARIABLE}/data\n")
    ran = run_tailrace("validate", "--config", file)
    assert ran.returncode == 2
    says(ran.stdout + ran.stderr, "tailrace.yaml:1:", "NO_SUCH_VARIABLE")
    assert run_tailrace("validate", "--config", file, NO_SUCH_VARIABLE="/tmp").returncode == 0


def test_a_function_that_cannot_be_started_stops_nothing_else(tailrace, tmp_path):
    good = tmp_path / "good"
    good.mkdir()
    (good / "app.py").write_text("def lambda_handler(event, context):\n    return 'fine'\n")
    config = {
        "functions": {
            "absent": python_function(tmp_path / "nowhere"),
            "good": python_function(good),
        }
    }
    server = tailrace(config, until="/livez")
    assert server.post("/v1/functions/good/invoke", {})["outcome"] == "ok"
    says(server.stderr(), "absent", "nowhere")
    says(json.dumps(server.status()), "nowhere")


# The door


def test_the_admin_api_answers_only_to_its_own_names(tailrace):
    server = tailrace({})
    assert server.get("/livez")["status"] == "ok"
    for headers, method in (
        ({"Host": "evil.example"}, "GET"),
        ({"Origin": "http://evil.example"}, "POST"),
        ({"Content-Type": "text/plain"}, "POST"),
    ):
        with pytest.raises(Exception) as refused:
            server.request(method, "/v1/tasks/t/stop" if method == "POST" else "/v1/status", headers=headers)
        assert refused.value.status in (400, 403, 415, 421), (headers, refused.value)


def test_what_does_not_exist_is_a_404_that_names_it(tailrace):
    server = tailrace({})
    for path in ("/v1/streams/nope", "/v1/tasks/nope", "/v1/functions/nope", "/v1/parked/7"):
        with pytest.raises(Exception) as missing:
            server.get(path)
        assert (missing.value.status, missing.value.fault) == (404, "not_found")
        says(missing.value.message, path.rsplit("/", 1)[1])
