#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tailrace {

class Sqlite;

// A prepared statement of one Sqlite, which must outlive it.
class SqliteStatement {
 public:
  SqliteStatement() = default;

  // Gives the values to the parameters, from the first on, and starts over. Text is copied.
  template <typename... Values>
  SqliteStatement& bind(const Values&... values) {
    reset();
    int at = 0;
    (bind_one(++at, values), ...);
    return *this;
  }
  // Goes to the next row. False: there is none; the statement has done its work.
  Result<bool> step();
  // For statements without rows.
  template <typename... Values>
  Result<void> run(const Values&... values) {
    auto row = bind(values...).step();
    if (!row) return std::move(row).error();
    return {};
  }

  // Of the current row; columns count from 0. The text lives until the next step() or bind().
  std::int64_t integer(int column) const;
  std::string_view text(int column) const;

  void reset();

 private:
  friend class Sqlite;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  SqliteStatement(Sqlite& file, sqlite3_stmt* statement) : file_(&file), statement_(statement) {}

  void bind_one(int at, std::int64_t value);
  void bind_one(int at, std::uint64_t value) { bind_one(at, static_cast<std::int64_t>(value)); }
  void bind_one(int at, std::uint32_t value) { bind_one(at, static_cast<std::int64_t>(value)); }
  void bind_one(int at, std::string_view value);

  Sqlite* file_ = nullptr;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// An SQLite file in WAL mode. One thread at a time. Every error names the file: Fault::corrupt when
// it is no database or is damaged (it is left as it is), Fault::full when the disk is,
// Fault::conflict when a constraint of the schema is broken.
class Sqlite {
 public:
  enum class Synchronous {
    normal,  // a kill loses nothing, a power cut may lose the last transactions
    full,    // what was committed survives a power cut
  };
  enum class Check {
    header,  // quick; damage shows when it is met
    whole,   // reads every page, for small files
  };

  // Opens the file, or makes a new one.
  static Result<std::unique_ptr<Sqlite>> open(const std::string& file, Synchronous synchronous,
                                              Check check);
  ~Sqlite();

  // Brings a file to the newest schema: `steps[n]` leads from version n (PRAGMA user_version, 0 for
  // a new file) to n + 1, each in a transaction. Fault::conflict when the file is newer than that.
  Result<void> upgrade(std::initializer_list<const char*> steps);

  Result<void> execute(const std::string& sql);
  Result<SqliteStatement> prepare(std::string_view sql);
  // Commits what `work` did, or undoes all of it when it returns an error.
  Result<void> transaction(const std::function<Result<void>()>& work);

  std::int64_t last_insert_id() const;
  // Rows that the last insert, update or delete touched.
  std::int64_t changes() const;

  // The error of a code that SQLite has just returned.
  Error error(int code) const;

 private:
  explicit Sqlite(std::string file) : file_(std::move(file)) {}

  std::string file_;
  sqlite3* handle_ = nullptr;
};

}  // namespace tailrace
