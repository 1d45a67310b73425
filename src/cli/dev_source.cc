#include "cli/dev_source.h"

#include <chrono>
#include <thread>

#include "pg/connection.h"

namespace tailrace::cli {
namespace {

// The server's own process for our connection ends a moment after we closed it.
constexpr int attempts_max = 40;
constexpr std::chrono::milliseconds attempt_delay{100};

}  // namespace

Result<OnSource> look_at_source(const capture::TaskSpec& task) {
  auto connection = pg::Connection::connect({.uri = task.source});
  if (!connection) return std::move(connection).error();
  auto found = (*connection)
                   ->query(
                       "SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1),"
                       " EXISTS (SELECT FROM pg_publication WHERE pubname = $2)",
                       {task.slot, task.publication});
  if (!found) return std::move(found).error();
  return OnSource{.slot = found->text(0, 0) == "t", .publication = found->text(0, 1) == "t"};
}

Result<void> clean_source(const capture::TaskSpec& task, bool with_publication) {
  auto connection = pg::Connection::connect({.uri = task.source});
  if (!connection) return std::move(connection).error();
  for (int attempt = 1;; ++attempt) {
    auto active =
        (*connection)
            ->query("SELECT active FROM pg_replication_slots WHERE slot_name = $1", {task.slot});
    if (!active) return std::move(active).error();
    if (active->empty()) break;
    if (active->text(0, 0) != "t" || attempt == attempts_max) {
      auto dropped = (*connection)->query("SELECT pg_drop_replication_slot($1)", {task.slot});
      if (!dropped) return std::move(dropped).error();
      break;
    }
    std::this_thread::sleep_for(attempt_delay);
  }
  if (!with_publication) return {};
  auto dropped =
      (*connection)->query("DROP PUBLICATION IF EXISTS " + pg::quote_identifier(task.publication));
  if (!dropped) return std::move(dropped).error();
  return {};
}

std::string cleaning_sql(const capture::TaskSpec& task, bool with_publication) {
  std::string sql = "SELECT pg_drop_replication_slot(" + pg::quote_literal(task.slot) + ");";
  if (with_publication)
    sql += " DROP PUBLICATION IF EXISTS " + pg::quote_identifier(task.publication) + ";";
  return sql;
}

}  // namespace tailrace::cli
