"""Every built-in type has one text: the same in load and stream, and the same as SELECT gives."""

import base64
import json

import pytest

from messages import text_of

pytestmark = pytest.mark.every_version

# Type and values as SQL literals; a fourth field is the version that has them first.
TYPES = [
    ("bool", ["true", "false"]),
    ("smallint", ["-32768", "32767"]),
    ("integer", ["-2147483648", "2147483647", "0"]),
    ("bigint", ["-9223372036854775808", "9223372036854775807", "9007199254740993"]),
    ("oid", ["'4294967295'"]),
    ("real", ["3.4028235e38", "1e-45", "0.1", "'NaN'", "'Infinity'", "'-Infinity'", "'-0'"]),
    ("double precision", ["1.7976931348623157e308", "5e-324", "0.1", "1e15", "1e21", "'NaN'", "'-Infinity'"]),
    ("numeric", ["1.10", "-0.000000000000000000000000000001", "'NaN'", "12345678901234567890123456789012345678901234567890.123", "0.00", "1e100"]),
    ("numeric(10,2)", ["12345678.90", "-0.01"]),
    ("numeric", ["'Infinity'", "'-Infinity'"], 14),
    ("money", ["'12345.67'", "'-0.01'"]),
    ("text", ["''", "'a\tb\nc\rd\\e'", "'\u20ac \U0001f600'", "E'\\x01\\x1f\\x7f'", "'\\N'", "repeat('x', 100000)"]),
    ("varchar(5)", ["'abc'"]),
    ("char(5)", ["'ab'"]),
    ("\"char\"", ["'a'"]),
    ("name", ["'n'"]),
    ("bytea", ["'\\x'", "'\\x00ff6869'", "decode(repeat('ab', 3000), 'hex')"]),
    ("date", ["'2026-01-31'", "'0044-03-15 BC'", "'infinity'", "'-infinity'", "'99999-12-31'"]),
    ("time", ["'24:00:00'", "'00:00:00.000001'", "'10:00:00.5'"]),
    ("timetz", ["'10:00:00.5+05:30'", "'24:00:00-12'"]),
    ("timestamp", ["'2026-01-31 10:00:00'", "'2026-01-31 10:00:00.123456'", "'0044-03-15 10:00:00 BC'", "'infinity'", "'-infinity'", "'99999-12-31 00:00:00'"]),
    ("timestamptz", ["'2026-01-31 10:00:00+02'", "'1890-01-01 00:00:00+00'", "'0044-03-15 10:00:00+00 BC'", "'infinity'", "'-infinity'"]),
    ("interval", ["'1 year 2 mons -3 days 04:05:06.789'", "'-00:00:01'", "'0'"]),
    ("uuid", ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"]),
    ("json", ["'{\"a\" :  [1, 2.50, null, \"\\u00e9\"]}'", "'null'", "'\"text\"'", "'1e400'"]),
    ("jsonb", ["'{\"b\": 1, \"a\": [true, 12345678901234567890.10]}'", "'[]'"]),
    ("jsonpath", ["'$.a[*] ? (@ > 1)'"]),
    ("xml", ["'<a>1</a>'"]),
    ("inet", ["'192.168.0.1/24'", "'::1'"]),
    ("cidr", ["'10.0.0.0/8'"]),
    ("macaddr", ["'08:00:2b:01:02:03'"]),
    ("macaddr8", ["'08:00:2b:01:02:03:04:05'"]),
    ("bit(5)", ["B'10101'"]),
    ("varbit", ["B''", "B'1011'"]),
    ("point", ["'(1.5,-2)'"]),
    ("line", ["'{1,2,3}'"]),
    ("lseg", ["'[(0,0),(1,1)]'"]),
    ("box", ["'(2,2),(0,0)'"]),
    ("path", ["'[(0,0),(1,1)]'", "'((0,0),(1,1))'"]),
    ("polygon", ["'((0,0),(1,1),(1,0))'"]),
    ("circle", ["'<(0,0),5>'"]),
    ("tsvector", ["'a:1 fat:2B ''quoted'''"]),
    ("tsquery", ["'fat & !rat'"]),
    ("pg_lsn", ["'16/B374D848'"]),
    ("xid8", ["'18446744073709551615'"]),
    ("int4range", ["'[1,5)'", "'(,5]'", "'empty'"]),
    ("numrange", ["'(1.5,2.5]'"]),
    ("tsrange", ["'[2026-01-01 00:00,2026-01-02 00:00)'"]),
    ("tstzrange", ["'[2026-01-01 00:00+00,)'"]),
    ("daterange", ["'[2026-01-01,2026-02-01)'"]),
    ("int4multirange", ["'{[1,3),[5,9)}'", "'{}'"], 14),
    ("integer[]", ["'{1,NULL,3}'", "'{{1,2},{3,4}}'", "'[2:3]={1,2}'", "'{}'"]),
    ("text[]", ["'{a,\"b c\",NULL,\"NULL\",\"\",\"q\\\"\\\\\"}'"]),
    ("timestamptz[]", ["'{2026-01-31 10:00:00+02,infinity}'"]),
    ("bytea[]", ["array['\\x00ff'::bytea]"]),
    ("jsonb[]", ["array['{\"a\": \"b c\"}'::jsonb]"]),
    ("box[]", ["'{(2,2),(0,0);(3,3),(1,1)}'"]),
    ("mood", ["'sad'", "'very happy'"]),
    ("mood[]", ["'{sad,\"very happy\"}'"]),
    ("positive", ["7"]),
    ("short_text", ["'abc'"]),
    ("moment", ["'2026-01-31 10:00:00+00'"]),
    ("pair", ["row('x y', 7)", "row('', null)", "row(null, 1)"]),
    ("pair[]", ["array[row('a,b', 1)::pair]"]),
    ("floatrange", ["'[1.5,2.5)'"]),
    ("regclass", ["'pg_class'"]),
]  # fmt: skip

DEFINITIONS = """
create type mood as enum ('sad', 'very happy');
create domain positive as integer check (value > 0);
create domain short_text as varchar(5);
create domain moment as timestamptz;
create type pair as (label text, number int);
create type floatrange as range (subtype = float8);
"""

NUMBERS = {
    "smallint",
    "integer",
    "bigint",
    "oid",
    "real",
    "double precision",
    "numeric",
    "numeric(10,2)",
    "positive",
}
SPECIAL = {"NaN", "Infinity", "-Infinity"}


def expected_in_flat(type_name, text):
    """What docs/messages.md says the flat format makes of SELECT's text; numbers as their digits."""
    if text is None:
        return None
    if type_name == "bool":
        return {"t": True, "f": False}[text]
    if type_name == "bytea":
        return base64.b64encode(bytes.fromhex(text.removeprefix("\\x"))).decode()
    if type_name in ("json", "jsonb"):
        return json.loads(text, parse_float=str, parse_int=str)
    usual = text[:1].isdigit() and text[4:5] == "-" and not text.endswith("BC")
    if type_name == "timestamp" and usual:
        return text.replace(" ", "T")
    if type_name in ("timestamptz", "moment") and usual:
        return text.replace(" ", "T").removesuffix("+00") + "Z"
    return text


def available(version):
    return [
        (f"c{number}", entry[0], entry[1])
        for number, entry in enumerate(TYPES)
        if len(entry) == 2 or entry[2] <= version
    ]


def test_every_type_is_the_same_in_load_stream_and_select(database, capture, postgres_version):
    columns = available(postgres_version)
    database.sql(DEFINITIONS)
    database.sql(
        "create table a (id int primary key, "
        + ", ".join(f"{name} {type_name}" for name, type_name, _ in columns) + ")")  # fmt: skip
    rows = max(len(values) for _, _, values in columns)
    names = ", ".join(name for name, _, _ in columns)

    def insert(row):
        literals = [
            f"({values[row]})::{type_name}" if row < len(values) else "null"
            for _, type_name, values in columns
        ]
        database.connection.execute(
            f"insert into a (id, {names}) values ({row}, {', '.join(literals)})", prepare=False
        )

    for row in range(rows):
        insert(row)
    task = capture("a")
    database.sql("delete from a")
    for row in range(rows):
        insert(row)
    task.caught_up()

    records = [
        json.loads(text_of(r), parse_float=str, parse_int=str)
        for shard in task.server.records("changes")
        for r in shard
    ]
    loaded = {d["data"]["id"]: d["data"] for d in records if d["op"] == "I" and d.get("snapshot")}
    streamed = {d["data"]["id"]: d["data"] for d in records if d["op"] == "I" and not d.get("snapshot")}
    assert len(loaded) == len(streamed) == rows

    # format() writes what the type's output function says; a cast to text can say something else.
    texts = ", ".join(
        f"case when num_nulls({name}) = 0 then format('%s', {name}) end" for name, _, _ in columns
    )
    wrong = []
    with database.connect() as connection:
        for setting in ("bytea_output = hex", "timezone = UTC", "extra_float_digits = 3"):
            connection.execute(f"set {setting}")
        for number, *selected in connection.execute(f"select id, {texts} from a order by id").fetchall():
            for (name, type_name, _), text in zip(columns, selected, strict=True):
                expected = expected_in_flat(type_name, text)
                for where, images in (("load", loaded), ("stream", streamed)):
                    found = images[str(number)][name]
                    if found != expected:
                        wrong.append(f"{type_name} in {where}: {found!r}, SELECT has {text!r}")
    assert not wrong, "\n".join(wrong)


def test_a_number_is_a_json_number_unless_json_has_no_such_number(database, capture):
    database.sql("create table a (id int primary key, n numeric, f float8)")
    task = capture("a")
    database.sql("insert into a values (1, 1.50, 2.5), (2, 'NaN', '-Infinity')")
    task.caught_up()

    texts = [text_of(record) for shard in task.server.records("changes") for record in shard]
    assert any('"n":1.50,"f":2.5' in text for text in texts)
    assert any('"n":"NaN","f":"-Infinity"' in text for text in texts)


def test_a_label_added_to_an_enum_arrives(database, capture):
    database.sql("create type mood as enum ('sad'); create table a (id int primary key, m mood)")
    task = capture("a")
    database.sql("insert into a values (1, 'sad')")
    database.sql("alter type mood add value 'happy'")
    database.sql("insert into a values (2, 'happy')")

    assert [m.data["m"] for m in task.changes()] == ["sad", "happy"]
