#include "base/sqlite.h"

#include <sqlite3.h>

namespace tailrace {
namespace {

Fault fault_of(int code) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Fault::corrupt;
    case SQLITE_FULL:
      return Fault::full;
    case SQLITE_CONSTRAINT:
      return Fault::conflict;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return Fault::denied;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Fault::unavailable;
    default:
      return Fault::internal;
  }
}

}  // namespace

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

void SqliteStatement::reset() { sqlite3_reset(statement_.get()); }

void SqliteStatement::bind_one(int at, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), at, value);
}

void SqliteStatement::bind_one(int at, std::string_view value) {
  // A null pointer would bind NULL.
  sqlite3_bind_text64(statement_.get(), at, value.empty() ? "" : value.data(), value.size(),
                      SQLITE_TRANSIENT, SQLITE_UTF8);
}

Result<bool> SqliteStatement::step() {
  int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    reset();  // an open statement would hold its snapshot, and with it the WAL
    return false;
  }
  Error error = file_->error(code);
  reset();
  return error;
}

std::int64_t SqliteStatement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string_view SqliteStatement::text(int column) const {
  const auto* bytes = sqlite3_column_text(statement_.get(), column);
  int count = sqlite3_column_bytes(statement_.get(), column);
  return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count)};
}

Result<std::unique_ptr<Sqlite>> Sqlite::open(const std::string& file, Synchronous synchronous,
                                             Check check) {
  std::unique_ptr<Sqlite> sqlite{new Sqlite(file)};
  int code =
      sqlite3_open_v2(file.c_str(), &sqlite->handle_,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) return sqlite->error(code);
  sqlite3_extended_result_codes(sqlite->handle_, 1);
  // Somebody may look into the file with another program.
  sqlite3_busy_timeout(sqlite->handle_, 5000);

  auto wal = sqlite->prepare("PRAGMA journal_mode = WAL");
  if (!wal) return std::move(wal).error();
  auto row = wal->step();
  if (!row) return std::move(row).error();
  if (!*row || wal->text(0) != "wal")
    return Error{Fault::internal, file + ": the file system does not allow SQLite's WAL mode"};
  wal->reset();
  auto set = sqlite->execute(synchronous == Synchronous::full ? "PRAGMA synchronous = FULL"
                                                              : "PRAGMA synchronous = NORMAL");
  if (!set) return std::move(set).error();

  if (check == Check::whole) {
    auto quick = sqlite->prepare("PRAGMA quick_check(1)");
    if (!quick) return std::move(quick).error();
    auto found = quick->step();
    if (!found) return std::move(found).error();
    if (*found && quick->text(0) != "ok")
      return Error{Fault::corrupt, file + ": damaged: " + std::string(quick->text(0)) +
                                       "; restore it from a backup"};
  }
  return sqlite;
}

Sqlite::~Sqlite() { sqlite3_close_v2(handle_); }

Result<void> Sqlite::upgrade(std::initializer_list<const char*> steps) {
  auto ask = prepare("PRAGMA user_version");
  if (!ask) return std::move(ask).error();
  auto row = ask->step();
  if (!row) return std::move(row).error();
  std::int64_t version = ask->integer(0);
  ask->reset();
  auto newest = static_cast<std::int64_t>(steps.size());
  if (version < 0 || version > newest)
    return Error{Fault::conflict, file_ + ": has schema version " + std::to_string(version) +
                                      ", this program knows versions up to " +
                                      std::to_string(newest) +
                                      "; start the newer version of the program that wrote it"};
  for (; version < newest; ++version) {
    auto done = transaction([&]() -> Result<void> {
      auto step = execute(steps.begin()[version]);
      if (!step) return step;
      return execute("PRAGMA user_version = " + std::to_string(version + 1));
    });
    if (!done) return done;
  }
  return {};
}

Result<void> Sqlite::execute(const std::string& sql) {
  int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error(code);
  return {};
}

Result<SqliteStatement> Sqlite::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return error(code);
  return SqliteStatement(*this, statement);
}

Result<void> Sqlite::transaction(const std::function<Result<void>()>& work) {
  if (auto begun = execute("BEGIN IMMEDIATE"); !begun) return begun;
  auto done = work();
  if (done) done = execute("COMMIT");
  // After some failures SQLite has rolled back by itself already.
  if (!done && sqlite3_get_autocommit(handle_) == 0)
    sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  return done;
}

std::int64_t Sqlite::last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }

std::int64_t Sqlite::changes() const { return sqlite3_changes64(handle_); }

Error Sqlite::error(int code) const {
  std::string text = handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  if (code == SQLITE_CANTOPEN && handle_ != nullptr)
    if (int number = sqlite3_system_errno(handle_); number != 0)
      return system_error(number, "open " + file_);
  Fault fault = fault_of(code);
  if (fault == Fault::corrupt) text += "; it was left as it is: restore it from a backup";
  return {fault, file_ + ": " + text};
}

}  // namespace tailrace
