#include "catalog/catalog.h"

#include <mutex>
#include <type_traits>

#include "base/sqlite.h"
#include "base/uuid.h"
#include "catalog/spec_json.h"

// One table holds all objects. A spec is one JSON text, so that a new field needs no new schema;
// what must be unique or is asked for by itself has a column.

namespace tailrace::catalog {
namespace {

constexpr const char* schema = R"(
  CREATE TABLE objects (
    kind TEXT NOT NULL,        -- stream, task, function, trigger, deletion
    name TEXT NOT NULL,
    id TEXT,                   -- a trigger's UUID
    origin TEXT NOT NULL,      -- yaml, api
    spec TEXT NOT NULL,        -- JSON
    created INTEGER NOT NULL,  -- microseconds since 1970
    updated INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
  ) WITHOUT ROWID;
  CREATE UNIQUE INDEX object_ids ON objects (id) WHERE id IS NOT NULL;
)";

constexpr const char* settings_schema = R"(
  CREATE TABLE settings (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
  ) WITHOUT ROWID;
)";

// A removed stream whose folder is to be deleted; its name is that of the folder, since a stream of
// the same name may have come and gone again.
constexpr std::string_view deletion_kind = "deletion";

std::string deletion_name(const stream::StreamSpec& spec) {
  return spec.name + "-" + std::to_string(spec.incarnation);
}

std::string_view name_of(Catalog::Kind kind) {
  switch (kind) {
    case Catalog::Kind::stream:
      return "stream";
    case Catalog::Kind::task:
      return "task";
    case Catalog::Kind::function:
      return "function";
    case Catalog::Kind::trigger:
      return "trigger";
  }
  __builtin_unreachable();
}

constexpr Catalog::Kind kind_of(const stream::StreamSpec&) { return Catalog::Kind::stream; }
constexpr Catalog::Kind kind_of(const capture::TaskSpec&) { return Catalog::Kind::task; }
constexpr Catalog::Kind kind_of(const function::FunctionSpec&) { return Catalog::Kind::function; }
constexpr Catalog::Kind kind_of(const delivery::TriggerSpec&) { return Catalog::Kind::trigger; }

std::string title(Catalog::Kind kind, const std::string& name) {
  return std::string(name_of(kind)) + " " + name;
}

// The operations inside a transaction that somebody else began and ends.
class Session final : public Catalog {
 public:
  Session(Sqlite& sqlite, const std::string& file, Clock& clock)
      : sqlite_(sqlite), file_(file), clock_(clock) {}

  Result<std::vector<Entry<stream::StreamSpec>>> streams() override {
    return read<stream::StreamSpec>();
  }
  Result<std::optional<Entry<stream::StreamSpec>>> stream(const std::string& name) override;
  Result<std::vector<Entry<capture::TaskSpec>>> tasks() override {
    return read<capture::TaskSpec>();
  }
  Result<std::vector<Entry<function::FunctionSpec>>> functions() override {
    return read<function::FunctionSpec>();
  }
  Result<std::vector<Entry<delivery::TriggerSpec>>> triggers() override {
    return read<delivery::TriggerSpec>();
  }

  Result<void> put(const stream::StreamSpec& spec, Origin origin) override {
    return write(spec, "", origin);
  }
  Result<void> put(const capture::TaskSpec& spec, Origin origin) override {
    if (auto found = require(Kind::stream, spec.stream); !found)
      return std::move(found).error().during(title(Kind::task, spec.name));
    return write(spec, "", origin);
  }
  Result<void> put(const function::FunctionSpec& spec, Origin origin) override {
    return write(spec, "", origin);
  }
  Result<delivery::TriggerSpec> put(const delivery::TriggerSpec& spec, Origin origin) override;

  Result<void> remove(Kind kind, const std::string& name) override;
  Result<std::vector<stream::StreamSpec>> deletions() override;
  Result<void> end_deletion(const stream::StreamSpec& spec) override;
  Result<std::vector<std::string>> users(Kind kind, const std::string& name) override;
  Result<std::optional<std::string>> setting(const std::string& key) override;
  Result<void> set_setting(const std::string& key, const std::string& value) override;
  Result<void> together(const std::function<Result<void>(Catalog&)>& work) override {
    return work(*this);
  }

 private:
  template <typename Spec>
  Result<std::vector<Entry<Spec>>> read(std::string_view kind = name_of(kind_of(Spec{})));
  template <typename Spec>
  Result<Entry<Spec>> entry_of(const SqliteStatement& row);
  template <typename Spec>
  Result<void> write(const Spec& spec, const std::string& id, Origin origin);
  Result<std::optional<std::string>> id_of(Kind kind, const std::string& name);
  Result<void> require(Kind kind, const std::string& name);

  Sqlite& sqlite_;
  const std::string& file_;
  Clock& clock_;
};

template <typename Spec>
Result<std::vector<Entry<Spec>>> Session::read(std::string_view kind) {
  auto select = sqlite_.prepare(
      "SELECT name, origin, spec, created, updated FROM objects WHERE kind = ? ORDER BY name");
  if (!select) return std::move(select).error();
  select->bind(kind);
  std::vector<Entry<Spec>> entries;
  for (;;) {
    auto row = select->step();
    if (!row) return std::move(row).error();
    if (!*row) return entries;
    auto entry = entry_of<Spec>(*select);
    if (!entry) return std::move(entry).error();
    entries.push_back(std::move(*entry));
  }
}

// A row of name, origin, spec, created, updated.
template <typename Spec>
Result<Entry<Spec>> Session::entry_of(const SqliteStatement& row) {
  Entry<Spec> entry;
  if (auto parsed = from_json(row.text(2), entry.spec); !parsed)
    return Error{Fault::corrupt, file_ + ": " +
                                     title(kind_of(entry.spec), std::string(row.text(0))) + ": " +
                                     parsed.error().message};
  entry.origin = row.text(1) == "yaml" ? Origin::yaml : Origin::api;
  entry.created = UnixMicros(std::chrono::microseconds(row.integer(3)));
  entry.updated = UnixMicros(std::chrono::microseconds(row.integer(4)));
  return entry;
}

Result<std::optional<Entry<stream::StreamSpec>>> Session::stream(const std::string& name) {
  auto select = sqlite_.prepare(
      "SELECT name, origin, spec, created, updated FROM objects WHERE kind = ? AND name = ?");
  if (!select) return std::move(select).error();
  auto row = select->bind(name_of(Kind::stream), name).step();
  if (!row) return std::move(row).error();
  if (!*row) return std::optional<Entry<stream::StreamSpec>>();
  auto entry = entry_of<stream::StreamSpec>(*select);
  if (!entry) return std::move(entry).error();
  return std::optional(std::move(*entry));
}

template <typename Spec>
Result<void> Session::write(const Spec& spec, const std::string& id, Origin origin) {
  Kind kind = kind_of(spec);
  if (spec.name.empty())
    return Error{Fault::invalid, "a " + std::string(name_of(kind)) + " needs a name"};
  std::string text = to_json(spec);
  Spec again;
  if (!from_json(text, again) || !(again == spec))
    return Error{Fault::invalid, title(kind, spec.name) + ": holds text that is not valid UTF-8"};
  auto put = sqlite_.prepare(
      "INSERT INTO objects (kind, name, id, origin, spec, created, updated) "
      "VALUES (?1, ?2, NULLIF(?3, ''), ?4, ?5, ?6, ?6) "
      "ON CONFLICT (kind, name) DO UPDATE SET "
      "origin = excluded.origin, spec = excluded.spec, updated = excluded.updated");
  if (!put) return std::move(put).error();
  std::int64_t now = clock_.now().time_since_epoch().count();
  return put->run(name_of(kind), spec.name, id, origin == Origin::yaml ? "yaml" : "api", text, now);
}

Result<delivery::TriggerSpec> Session::put(const delivery::TriggerSpec& wanted, Origin origin) {
  delivery::TriggerSpec spec = wanted;
  if (spec.name.empty()) spec.name = spec.stream + "/" + spec.function;
  for (auto& [kind, name] :
       {std::pair(Kind::stream, spec.stream), std::pair(Kind::function, spec.function)})
    if (auto found = require(kind, name); !found)
      return std::move(found).error().during(title(Kind::trigger, spec.name));
  auto known = id_of(Kind::trigger, spec.name);
  if (!known) return std::move(known).error();
  if (known->has_value())
    spec.id = **known;
  else if (spec.id.empty())
    spec.id = random_uuid();
  if (auto written = write(spec, spec.id, origin); !written) {
    Error error = std::move(written).error();
    if (error.fault == Fault::conflict)
      error.message =
          title(Kind::trigger, spec.name) + ": another trigger has the id " + spec.id + " already";
    return error;
  }
  return spec;
}

// Nothing: there is no such object. Empty: it has no id.
Result<std::optional<std::string>> Session::id_of(Kind kind, const std::string& name) {
  auto select = sqlite_.prepare("SELECT IFNULL(id, '') FROM objects WHERE kind = ? AND name = ?");
  if (!select) return std::move(select).error();
  auto row = select->bind(name_of(kind), name).step();
  if (!row) return std::move(row).error();
  if (!*row) return std::optional<std::string>();
  return std::optional<std::string>(select->text(0));
}

Result<void> Session::require(Kind kind, const std::string& name) {
  auto id = id_of(kind, name);
  if (!id) return std::move(id).error();
  if (id->has_value()) return {};
  return Error{Fault::not_found, "there is no " + title(kind, name) + "; create it first"};
}

Result<std::vector<std::string>> Session::users(Kind kind, const std::string& name) {
  std::vector<std::string> users;
  if (kind == Kind::stream) {
    auto all = tasks();
    if (!all) return std::move(all).error();
    for (auto& task : *all)
      if (task.spec.stream == name) users.push_back(title(Kind::task, task.spec.name));
  }
  if (kind == Kind::stream || kind == Kind::function) {
    auto all = triggers();
    if (!all) return std::move(all).error();
    for (auto& trigger : *all)
      if ((kind == Kind::stream ? trigger.spec.stream : trigger.spec.function) == name)
        users.push_back(title(Kind::trigger, trigger.spec.name));
  }
  return users;
}

Result<void> Session::remove(Kind kind, const std::string& name) {
  auto named_by = users(kind, name);
  if (!named_by) return std::move(named_by).error();
  if (!named_by->empty()) {
    std::string text = title(kind, name) + " is still used by ";
    for (std::size_t i = 0; i < named_by->size(); ++i) text += (i > 0 ? ", " : "") + (*named_by)[i];
    return Error{Fault::conflict, text + "; remove that first"};
  }
  if (kind == Kind::stream) {
    auto gone = stream(name);
    if (!gone) return std::move(gone).error();
    if (!*gone) return Error{Fault::not_found, "there is no " + title(kind, name)};
    auto note = sqlite_.prepare(
        "INSERT INTO objects (kind, name, origin, spec, created, updated) "
        "VALUES (?1, ?2, 'api', ?3, ?4, ?4)");
    if (!note) return std::move(note).error();
    std::int64_t now = clock_.now().time_since_epoch().count();
    if (auto noted =
            note->run(deletion_kind, deletion_name((*gone)->spec), to_json((*gone)->spec), now);
        !noted)
      return noted;
  }
  auto erase = sqlite_.prepare("DELETE FROM objects WHERE kind = ? AND name = ?");
  if (!erase) return std::move(erase).error();
  if (auto done = erase->run(name_of(kind), name); !done) return done;
  if (sqlite_.changes() == 0) return Error{Fault::not_found, "there is no " + title(kind, name)};
  return {};
}

Result<std::vector<stream::StreamSpec>> Session::deletions() {
  auto entries = read<stream::StreamSpec>(deletion_kind);
  if (!entries) return std::move(entries).error();
  std::vector<stream::StreamSpec> specs;
  for (auto& entry : *entries) specs.push_back(std::move(entry.spec));
  return specs;
}

Result<void> Session::end_deletion(const stream::StreamSpec& spec) {
  auto erase = sqlite_.prepare("DELETE FROM objects WHERE kind = ? AND name = ?");
  if (!erase) return std::move(erase).error();
  return erase->run(deletion_kind, deletion_name(spec));
}

Result<std::optional<std::string>> Session::setting(const std::string& key) {
  auto select = sqlite_.prepare("SELECT value FROM settings WHERE key = ?");
  if (!select) return std::move(select).error();
  auto row = select->bind(key).step();
  if (!row) return std::move(row).error();
  if (!*row) return std::optional<std::string>();
  return std::optional<std::string>(select->text(0));
}

Result<void> Session::set_setting(const std::string& key, const std::string& value) {
  auto put = sqlite_.prepare(
      "INSERT INTO settings (key, value) VALUES (?, ?) "
      "ON CONFLICT (key) DO UPDATE SET value = excluded.value");
  if (!put) return std::move(put).error();
  return put->run(key, value);
}

// Each call is a transaction of its own.
class CatalogFile final : public Catalog {
 public:
  CatalogFile(std::unique_ptr<Sqlite> sqlite, std::string file, Clock& clock)
      : sqlite_(std::move(sqlite)), file_(std::move(file)), clock_(clock) {}

  Result<std::vector<Entry<stream::StreamSpec>>> streams() override {
    return with([](Catalog& inside) { return inside.streams(); });
  }
  Result<std::optional<Entry<stream::StreamSpec>>> stream(const std::string& name) override {
    return with([&](Catalog& inside) { return inside.stream(name); });
  }
  Result<std::vector<Entry<capture::TaskSpec>>> tasks() override {
    return with([](Catalog& inside) { return inside.tasks(); });
  }
  Result<std::vector<Entry<function::FunctionSpec>>> functions() override {
    return with([](Catalog& inside) { return inside.functions(); });
  }
  Result<std::vector<Entry<delivery::TriggerSpec>>> triggers() override {
    return with([](Catalog& inside) { return inside.triggers(); });
  }
  Result<void> put(const stream::StreamSpec& spec, Origin origin) override {
    return together([&](Catalog& inside) { return inside.put(spec, origin); });
  }
  Result<void> put(const capture::TaskSpec& spec, Origin origin) override {
    return together([&](Catalog& inside) { return inside.put(spec, origin); });
  }
  Result<void> put(const function::FunctionSpec& spec, Origin origin) override {
    return together([&](Catalog& inside) { return inside.put(spec, origin); });
  }
  Result<delivery::TriggerSpec> put(const delivery::TriggerSpec& spec, Origin origin) override {
    return with([&](Catalog& inside) { return inside.put(spec, origin); });
  }
  Result<void> remove(Kind kind, const std::string& name) override {
    return together([&](Catalog& inside) { return inside.remove(kind, name); });
  }
  Result<std::vector<stream::StreamSpec>> deletions() override {
    return with([](Catalog& inside) { return inside.deletions(); });
  }
  Result<void> end_deletion(const stream::StreamSpec& spec) override {
    return together([&](Catalog& inside) { return inside.end_deletion(spec); });
  }
  Result<std::vector<std::string>> users(Kind kind, const std::string& name) override {
    return with([&](Catalog& inside) { return inside.users(kind, name); });
  }
  Result<std::optional<std::string>> setting(const std::string& key) override {
    return with([&](Catalog& inside) { return inside.setting(key); });
  }
  Result<void> set_setting(const std::string& key, const std::string& value) override {
    return together([&](Catalog& inside) { return inside.set_setting(key, value); });
  }

  Result<void> together(const std::function<Result<void>(Catalog&)>& work) override {
    std::lock_guard lock(mutex_);
    Session session(*sqlite_, file_, clock_);
    return sqlite_->transaction([&] { return work(session); });
  }

 private:
  // The same for work that returns something.
  template <typename Work>
  std::invoke_result_t<Work, Catalog&> with(Work work) {
    using Answer = std::invoke_result_t<Work, Catalog&>;
    std::optional<Answer> answer;
    auto committed = together([&](Catalog& inside) -> Result<void> {
      answer = work(inside);
      if (!*answer) return answer->error();
      return {};
    });
    return committed ? std::move(*answer) : Answer(std::move(committed).error());
  }

  std::mutex mutex_;
  std::unique_ptr<Sqlite> sqlite_;
  std::string file_;
  Clock& clock_;
};

}  // namespace

Result<std::unique_ptr<Catalog>> Catalog::open(const std::string& file, Clock& clock) {
  auto sqlite = Sqlite::open(file, Sqlite::Synchronous::full, Sqlite::Check::whole);
  if (!sqlite) return std::move(sqlite).error().during("open the catalogue");
  if (auto upgraded = (*sqlite)->upgrade({schema, settings_schema}); !upgraded)
    return std::move(upgraded).error().during("open the catalogue");
  return std::unique_ptr<Catalog>(new CatalogFile(std::move(*sqlite), file, clock));
}

}  // namespace tailrace::catalog
