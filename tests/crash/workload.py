"""Random writers: several connections with rollbacks, savepoints, large transactions, changes of keys and
large values, against a server that may be killed at any moment.

Every transaction that commits leaves a row in `journal` with the number of row changes it made, that row
included. So the tables alone say what must be in the stream: nothing has to be remembered here."""

import random
import threading

import psycopg

SCHEMA = """
create table journal (id bigserial primary key, writer int not null, changes int not null);
create table accounts (
    region text, number int, balance bigint not null, note text, primary key (region, number));
create table documents (id bigserial primary key, title text not null, body text);
create table ledger (id bigserial primary key, what text, body text);
alter table ledger replica identity full;
alter table documents alter column body set storage external;
alter table ledger alter column body set storage external;
"""

TABLES = {"journal": ("id",), "accounts": ("region", "number"), "documents": ("id",), "ledger": ("id",)}
REGIONS = ("north", "south", "east", "west")


class Undone(Exception):
    """The writer changed its mind: the transaction is rolled back on purpose."""


class Writer(threading.Thread):
    def __init__(self, number, uri, seed):
        super().__init__(name=f"writer {number}", daemon=True)
        self.number = number
        self.uri = uri
        self.random = random.Random(seed)
        self.stopping = threading.Event()
        self.committed = 0
        self.failure = None

    def run(self):
        try:
            while not self.stopping.is_set():
                self.write_until_it_breaks()
        except Exception as error:
            self.failure = error

    def write_until_it_breaks(self):
        try:
            with psycopg.connect(self.uri, connect_timeout=5) as connection:
                while not self.stopping.is_set():
                    self.transaction(connection)
        except psycopg.OperationalError:
            # Killed, or not up again yet: whether the last transaction committed is for the tables to say.
            self.stopping.wait(0.02)

    def transaction(self, connection):
        size = 1 if self.random.random() < 0.4 else self.random.randint(2, 25)
        if self.random.random() < 0.02:
            size = 3000
        try:
            with connection.transaction():
                changes = 0
                for _ in range(size if size < 3000 else 6):
                    changes += self.step(connection, bulk=size == 3000)
                if self.random.random() < 0.08:
                    raise Undone
                connection.execute(
                    "insert into journal (writer, changes) values (%s, %s)", (self.number, changes + 1)
                )
            self.committed += 1
        except (Undone, psycopg.errors.UniqueViolation, psycopg.errors.DeadlockDetected):
            pass

    def step(self, connection, bulk=False, depth=0):
        """One statement, or several below a savepoint; how many rows it changed for good."""
        if bulk:
            return self.bulk(connection)
        if depth < 3 and self.random.random() < 0.15:
            changed = 0
            try:
                with connection.transaction():
                    for _ in range(self.random.randint(1, 5)):
                        changed += self.step(connection, depth=depth + 1)
                    if self.random.random() < 0.4:
                        raise Undone
            except (Undone, psycopg.errors.UniqueViolation):
                return 0
            return changed
        return self.random.choice(
            (self.open_account, self.pay, self.pay, self.move_account, self.close_account,
             self.write_document, self.retitle, self.rewrite, self.enter, self.correct, self.strike)
        )(connection)  # fmt: skip

    def account(self):
        # Each writer has accounts of its own, so that they seldom wait for each other.
        return self.random.choice(REGIONS), self.number * 1000 + self.random.randrange(200)

    def text(self, length):
        return "".join(self.random.choices('abcdefghij "\\\n\té€', k=length))

    def large(self):
        return self.random.randbytes(self.random.randint(2500, 9000)).hex()

    def changed(self, connection, sql, parameters):
        return connection.execute(sql, parameters).rowcount

    def open_account(self, connection):
        return self.changed(
            connection,
            "insert into accounts values (%s, %s, %s, %s) on conflict (region, number) do update "
            "set balance = accounts.balance + 1",
            (*self.account(), self.random.getrandbits(62), self.random.choice((None, "", self.text(20)))),
        )

    def pay(self, connection):
        return self.changed(
            connection, "update accounts set balance = balance - %s where region = %s and number between %s and %s",
            (self.random.randrange(1000), *self.account(), self.number * 1000 + 200))  # fmt: skip

    def move_account(self, connection):
        return self.changed(
            connection, "update accounts set region = %s, number = %s where region = %s and number = %s",
            (*self.account(), *self.account()))  # fmt: skip

    def close_account(self, connection):
        return self.changed(
            connection, "delete from accounts where region = %s and number = %s", self.account()
        )

    def write_document(self, connection):
        return self.changed(
            connection, "insert into documents (title, body) values (%s, %s)", (self.text(12), self.large())
        )

    def of_mine(self, table):
        return f"(select id from {table} where id %% 4 = %s order by id desc offset %s limit 1)"

    def retitle(self, connection):
        return self.changed(
            connection, f"update documents set title = %s where id = {self.of_mine('documents')}",
            (self.text(8), self.number % 4, self.random.randrange(20)))  # fmt: skip

    def rewrite(self, connection):
        return self.changed(
            connection, f"update documents set body = %s where id = {self.of_mine('documents')}",
            (self.large(), self.number % 4, self.random.randrange(20)))  # fmt: skip

    def enter(self, connection):
        return self.changed(
            connection, "insert into ledger (what, body) values (%s, %s)", (self.text(9), self.large())
        )

    def correct(self, connection):
        return self.changed(
            connection, f"update ledger set what = %s where id = {self.of_mine('ledger')}",
            (self.text(6), self.number % 4, self.random.randrange(20)))  # fmt: skip

    def strike(self, connection):
        return self.changed(
            connection, f"delete from ledger where id = {self.of_mine('ledger')}",
            (self.number % 4, self.random.randrange(20)))  # fmt: skip

    def bulk(self, connection):
        """Hundreds of rows in one statement: such transactions are streamed before they commit."""
        first = self.number * 1_000_000 + self.random.randrange(900_000)
        return self.changed(
            connection,
            "insert into accounts select 'bulk', g, g, repeat('x', 100) from generate_series(%s::int, %s::int) g "
            "on conflict do nothing",
            (first, first + 500))  # fmt: skip
