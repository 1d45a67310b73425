#include "capture/loader.h"

#include <fmt/format.h>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "capture/append.h"
#include "capture/copy_text.h"
#include "rules/mappings.h"

namespace tailrace::capture {
namespace {

constexpr std::size_t batch_bytes_max = 1u << 20;
// A part takes some seconds: enough to keep every worker busy to the end of a large table, few
// enough that the planner's work does not count.
constexpr std::uint64_t part_bytes = 64u << 20;
// Rows are numbered in runs, so that workers of one table seldom meet.
constexpr std::uint64_t ordinal_run = 1024;

std::string select_list(const LoadTable& table) {
  std::string list;
  for (const Column& column : table.info.columns)
    list += (list.empty() ? "" : ", ") + pg::quote_identifier(column.name);
  return list;
}

std::string copy_sql(const LoadTable& table, bool whole, std::uint32_t first, std::uint32_t last) {
  std::string name =
      pg::quote_identifier(table.info.schema) + "." + pg::quote_identifier(table.info.name);
  std::string columns = select_list(table);
  if (whole && table.row_filter.empty() && table.info.kind == 'r' && !columns.empty())
    return fmt::format("COPY {} ({}) TO STDOUT", name, columns);
  std::string where;
  if (!whole) {
    where = fmt::format(" WHERE ctid >= '({},0)'", first);
    if (last != UINT32_MAX) where += fmt::format(" AND ctid < '({},0)'", last);
  }
  if (!table.row_filter.empty())
    where += (where.empty() ? " WHERE (" : " AND (") + table.row_filter + ")";
  return fmt::format("COPY (SELECT {} FROM {}{}{}) TO STDOUT", columns,
                     table.info.kind == 'p' ? "" : "ONLY ", name, where);
}

}  // namespace

// What the parts of one table share while it is loaded.
struct Loader::Progress {
  LoadTable table;
  Table shape;
  std::atomic<std::uint64_t> rows{0};
  std::atomic<std::uint64_t> next_ordinal{1};
  std::atomic<std::size_t> parts_left{0};
  std::atomic<bool> failed{false};
};

Result<std::vector<LoadTable>> load_tables(pg::Connection& sql, const std::string& publication,
                                           const std::vector<pg::TableInfo>& tables) {
  struct Shown {
    std::vector<std::string> columns;
    std::string row_filter;
  };
  std::map<std::pair<std::string, std::string>, Shown> shown;
  if (!publication.empty() && sql.server_version() >= 150000) {
    auto rows = sql.query(
        "select p.schemaname, p.tablename, coalesce(p.rowfilter, ''), a.name from "
        "pg_publication_tables p, unnest(p.attnames) a(name) where p.pubname = $1",
        {publication});
    if (!rows) return std::move(rows).error().during("read publication " + publication);
    for (std::size_t row = 0; row < rows->rows.size(); ++row) {
      Shown& table = shown[{rows->text(row, 0), rows->text(row, 1)}];
      table.row_filter = rows->text(row, 2);
      table.columns.push_back(rows->text(row, 3));
    }
  }
  std::vector<LoadTable> result;
  for (const auto& info : tables) {
    auto key = key_columns(sql, info);
    if (!key) return std::move(key).error();
    LoadTable table{info, std::move(*key), {}};
    auto found = shown.find({info.schema, info.name});
    auto hidden = [&](const Column& column) {
      const auto& generated = info.generated_columns;
      if (found != shown.end())
        return std::find(found->second.columns.begin(), found->second.columns.end(), column.name) ==
               found->second.columns.end();
      return !publication.empty() &&
             std::find(generated.begin(), generated.end(), column.name) != generated.end();
    };
    if (found != shown.end()) table.row_filter = found->second.row_filter;
    std::erase_if(table.info.columns, hidden);
    result.push_back(std::move(table));
  }
  return result;
}

Loader::Loader(const TaskSpec& spec, const envelope::Source& source, stream::Stream& stream,
               TableBoard& board, Clock& clock, std::function<void(std::optional<Error>)> waits)
    : spec_(spec),
      source_(source),
      stream_(stream),
      board_(board),
      clock_(clock),
      waits_(std::move(waits)) {}

Loader::~Loader() = default;

Result<void> Loader::import_snapshot(const std::string& snapshot,
                                     const std::atomic<bool>& given_up) {
  for (std::uint32_t worker = 0; worker < spec_.load_workers; ++worker) {
    auto connection =
        pg::Connection::connect({.uri = spec_.source,
                                 .application_name = "tailrace " + spec_.name + " load",
                                 .given_up = &given_up});
    if (!connection) return std::move(connection).error().during("connect for the load");
    for (const std::string& sql : {std::string("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
                                   "SET TRANSACTION SNAPSHOT " + pg::quote_literal(snapshot)}) {
      auto done = (*connection)->query(sql);
      if (!done) return std::move(done).error().during("import the load's snapshot");
    }
    connections_.push_back(std::move(*connection));
  }
  return {};
}

Result<std::map<std::uint32_t, LoadMark>> Loader::load(const std::vector<LoadTable>& tables,
                                                       Lsn snapshot) {
  auto mappings = rules::Mappings::parse(spec_.table_mappings);
  if (!mappings) return std::move(mappings).error();
  std::vector<std::unique_ptr<Progress>> progress;
  std::vector<Part> parts;
  for (const LoadTable& table : tables) {
    auto one = std::make_unique<Progress>();
    one->table = table;
    one->shape = table_of(table.info, table.key);
    std::size_t count = table.info.kind == 'p' ? 1 : 1 + table.info.bytes / part_bytes;
    auto ranges = pg::ctid_ranges(table.info, connections_.front()->server_version(), count);
    bool whole = ranges.size() <= 1 || table.info.kind == 'p';
    if (whole) ranges = {{0, UINT32_MAX}};
    one->parts_left = ranges.size();
    for (auto [first, last] : ranges) parts.push_back({one.get(), first, last, whole});
    board_.put(table.info.oid, table.info.schema, table.info.name, TableState::before_load);
    board_.reset_loaded_rows(table.info.oid);
    progress.push_back(std::move(one));
  }
  // Workers take from the back: larger load order first, then larger tables, so that no large one
  // is left alone at the end.
  auto rank = [&](const Part& part) {
    const pg::TableInfo& info = part.table->table.info;
    return std::tuple(mappings->load_order(info.schema, info.name), info.bytes, ~part.first_block);
  };
  std::stable_sort(parts.begin(), parts.end(),
                   [&](const Part& a, const Part& b) { return rank(a) < rank(b); });

  Guarded<std::vector<Part>> queue(std::move(parts));
  std::vector<std::thread> workers;
  for (auto& connection : connections_)
    workers.emplace_back([&, snapshot] {
      pthread_setname_np(pthread_self(), "load");
      work(*connection, queue, snapshot);
    });
  for (auto& worker : workers) worker.join();

  auto failure = failure_.with([](auto& error) { return error; });
  if (failure) return std::move(*failure);
  if (stop_) return Error{Fault::unavailable, "the load was stopped"};
  auto rewritten = rewritten_.with([](auto& name) { return name; });
  if (!rewritten.empty())
    return Error{Fault::unavailable, "table " + rewritten +
                                         " was rewritten or truncated before its rows were read, "
                                         "so it is loaded again"};
  return loaded_.with([](auto& loaded) { return loaded; });
}

void Loader::stop() {
  stop_ = true;
  for (auto& connection : connections_) connection->cancel();
}

void Loader::fail(Error error) {
  failure_.with([&](auto& first) {
    if (!first) first = std::move(error);
  });
  stop();
}

void Loader::work(pg::Connection& connection, Guarded<std::vector<Part>>& parts, Lsn snapshot) {
  while (!stop_) {
    auto part = parts.with([](auto& all) -> std::optional<Part> {
      if (all.empty()) return std::nullopt;
      Part last = all.back();
      all.pop_back();
      return last;
    });
    if (!part) return;
    Progress& table = *part->table;
    if (table.failed) continue;
    const pg::TableInfo& info = table.table.info;
    board_.set_state(info.oid, TableState::loading);

    // A failed COPY would end the transaction, and the snapshot with it.
    auto saved = connection.query("SAVEPOINT part");
    if (!saved) return fail(std::move(saved).error());
    auto copied = copy(connection, *part, snapshot);
    if (stop_) return;
    if (copied) {
      auto rewritten = rewritten_since_snapshot(connection, table);
      if (!rewritten) return fail(std::move(rewritten).error());
      if (*rewritten) {
        table.failed = true;
        rewritten_.with([&](auto& name) { name = info.schema + "." + info.name; });
      }
      auto released = connection.query("RELEASE SAVEPOINT part");
      if (!released) return fail(std::move(released).error());
      if (--table.parts_left == 0 && !table.failed)
        if (auto finished = finish(table, snapshot); !finished)
          return fail(std::move(finished).error());
      continue;
    }
    bool of_table =
        copied.error().fault == Fault::denied || copied.error().fault == Fault::not_found ||
        copied.error().fault == Fault::invalid || copied.error().fault == Fault::corrupt;
    if (!of_table || !connection.alive()) return fail(std::move(copied).error());
    table.failed = true;
    spdlog::error("task={} table={}.{} load failed: {}", spec_.name, info.schema, info.name,
                  copied.error().message);
    board_.set_state(info.oid, TableState::error,
                     "its load failed: " + copied.error().message +
                         "; mend it, then 'tailrace task resume " + spec_.name + "' loads it");
    auto rolled_back = connection.query("ROLLBACK TO SAVEPOINT part");
    if (!rolled_back) return fail(std::move(rolled_back).error());
  }
}

Result<void> Loader::copy(pg::Connection& connection, const Part& part, Lsn snapshot) {
  Progress& table = *part.table;
  auto envelope =
      envelope::TableEnvelope::make(spec_.message_format, spec_.partition_by, source_, table.shape);
  std::vector<Value> values(table.shape.columns.size());
  Buffer unescaped, key;
  stream::Batch batch = stream_.begin_batch();
  std::uint64_t rows = 0, ordinal = 0, ordinal_end = 0;
  envelope::Context context{.now = clock_.now(), .snapshot = snapshot};

  auto add_row = [&](std::string_view line) -> Result<void> {
    if (!split_copy_line(line, values, unescaped))
      return Error{Fault::corrupt, "a row of " + table.shape.schema + "." + table.shape.name +
                                       " came with another number of columns"};
    if (ordinal == ordinal_end) {
      ordinal = table.next_ordinal.fetch_add(ordinal_run);
      ordinal_end = ordinal + ordinal_run;
    }
    context.load_ordinal = ordinal++;
    Change change{
        .operation = Operation::load, .table = &table.shape, .before = {}, .after = values};
    key.clear();
    envelope->append_partition_key(key, change, envelope::Context::Half::whole);
    envelope->append(batch.begin_record(key.view()), change, context);
    batch.end_record();
    ++rows;
    return {};
  };
  auto flush = [&]() -> Result<void> {
    if (batch.empty()) return {};
    if (auto appended = append(batch); !appended) return appended;
    board_.add_loaded_rows(table.table.info.oid, rows);
    table.rows += rows;
    rows = 0;
    context.now = clock_.now();
    batch = stream_.begin_batch();
    return {};
  };
  auto take = [&](std::string_view lines) -> Result<void> {
    while (!lines.empty()) {
      const void* end = std::memchr(lines.data(), '\n', lines.size());
      std::size_t length =
          end ? static_cast<std::size_t>(static_cast<const char*>(end) - lines.data())
              : lines.size();
      if (auto added = add_row(lines.substr(0, length)); !added) return added;
      lines.remove_prefix(std::min(lines.size(), length + 1));
      if (batch.bytes() >= batch_bytes_max)
        if (auto flushed = flush(); !flushed) return flushed;
    }
    if (stop_) return Error{Fault::unavailable, "the load was stopped"};
    return {};
  };
  auto copied = connection.copy_out(
      copy_sql(table.table, part.whole, part.first_block, part.last_block), take);
  if (!copied)
    return std::move(copied).error().during("load " + table.shape.schema + "." + table.shape.name);
  return flush();
}

// ALTER TABLE may write a table anew in a way that older snapshots find empty, and TRUNCATE empties
// it for them too. From its COPY on the table is locked against both, so what happened before shows
// afterwards: pg_class is read as of the snapshot, pg_relation_filenode() tells the present.
Result<bool> Loader::rewritten_since_snapshot(pg::Connection& connection, const Progress& table) {
  auto rows = connection.query(
      "SELECT count(*) FROM pg_catalog.pg_class c WHERE c.relkind = 'r' AND c.relfilenode IS "
      "DISTINCT FROM pg_catalog.pg_relation_filenode(c.oid) AND (c.oid = $1::pg_catalog.oid OR "
      "c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.oid::regclass)))",
      {std::to_string(table.table.info.oid)});
  if (!rows)
    return std::move(rows).error().during("check whether " + table.shape.schema + "." +
                                          table.shape.name + " was rewritten");
  return rows->text(0, 0) != "0";
}

Result<void> Loader::finish(Progress& table, Lsn snapshot) {
  auto envelope =
      envelope::TableEnvelope::make(spec_.message_format, spec_.partition_by, source_, table.shape);
  stream::Batch batch = stream_.begin_batch();
  std::string key = table.shape.schema + "." + table.shape.name;
  Buffer message;
  envelope->append_load_complete(message, table.rows, {.now = clock_.now(), .snapshot = snapshot});
  batch.add_to_every_shard(key, message.view());
  LoadMark mark{snapshot, table.rows};
  mark_load(batch, spec_.name, table.shape.oid, mark);
  if (auto appended = append(batch); !appended) return appended;
  loaded_.with([&](auto& loaded) { loaded.emplace(table.shape.oid, mark); });
  board_.set_state(table.shape.oid, TableState::loaded);
  spdlog::info("task={} table={} loaded rows={} snapshot={}", spec_.name, key, table.rows.load(),
               to_string(snapshot));
  return {};
}

Result<void> Loader::append(stream::Batch& batch) {
  auto keep_on = [this]() -> Result<void> {
    if (stop_) return Error{Fault::unavailable, "the load was stopped"};
    return {};
  };
  auto appended = append_when_there_is_room(spec_.name, stream_, batch, {keep_on, waits_});
  if (!appended) return std::move(appended).error();
  return {};
}

}  // namespace tailrace::capture
