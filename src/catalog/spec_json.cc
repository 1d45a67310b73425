#include "catalog/spec_json.h"

#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace tailrace::catalog {
namespace {

using nlohmann::json;

// Reads the fields of one object; the first wrong one is kept as the error.
class Fields {
 public:
  Fields(const json& object, std::string path) : object_(object), path_(std::move(path)) {
    if (!object_.is_object()) fail("", "must be an object");
  }

  void text(const char* name, std::string& into) {
    if (const json* value = find(name)) {
      if (value->is_string())
        into = value->get<std::string>();
      else
        fail(name, "must be a string");
    }
  }

  template <typename Integer>
  void integer(const char* name, Integer& into) {
    const json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_number_integer()) return fail(name, "must be a whole number");
    if (value->is_number_unsigned()) {
      auto wide = value->get<std::uint64_t>();
      if (std::in_range<Integer>(wide)) return void(into = static_cast<Integer>(wide));
    } else {
      auto wide = value->get<std::int64_t>();
      if (std::in_range<Integer>(wide)) return void(into = static_cast<Integer>(wide));
    }
    fail(name, "is out of range");
  }

  template <typename Duration>
  void duration(const char* name, Duration& into) {
    std::int64_t count = into.count();
    integer(name, count);
    into = Duration(count);
  }

  // What `parse` makes of a string: a name or a number in decimal.
  template <typename T, typename Parse>
  void parsed(const char* name, T& into, Parse parse) {
    const json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_string()) return fail(name, "must be a string");
    auto text = value->get<std::string>();
    if (auto known = parse(text))
      into = *known;
    else
      fail(name, "\"" + text + "\" is not known");
  }

  void texts(const char* name, std::map<std::string, std::string>& into) {
    const json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_object()) return fail(name, "must be an object");
    into.clear();
    for (auto& [key, entry] : value->items()) {
      if (!entry.is_string()) return fail(name, "\"" + key + "\" must be a string");
      into[key] = entry.get<std::string>();
    }
  }

  template <typename Each>
  void list(const char* name, Each each) {
    const json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_array()) return fail(name, "must be a list");
    for (std::size_t at = 0; at < value->size(); ++at) {
      Fields fields((*value)[at], std::string(name) + "[" + std::to_string(at) + "].");
      each(fields);
      if (fields.error_ && !error_) error_ = std::move(fields.error_);
    }
  }

  Result<void> result() const {
    if (error_) return *error_;
    return {};
  }

 private:
  const json* find(const char* name) const {
    if (!object_.is_object()) return nullptr;
    auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }
  void fail(std::string_view name, std::string_view what) {
    if (!error_)
      error_ = Error{Fault::invalid, path_ + std::string(name) + ": " + std::string(what)};
  }

  const json& object_;
  std::string path_;
  std::optional<Error> error_;
};

template <typename Read>
Result<void> read_object(std::string_view text, Read read) {
  json object = json::parse(text, nullptr, false);
  if (object.is_discarded()) return Error{Fault::invalid, "is not valid JSON"};
  Fields fields(object, "");
  read(fields);
  return fields.result();
}

std::string write(const json& object) {
  // Names and paths may hold any bytes; what is not UTF-8 must not stop the program.
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<log::Sync> parse_sync(std::string_view name) {
  for (auto sync : {log::Sync::always, log::Sync::interval, log::Sync::none})
    if (name_of(sync) == name) return sync;
  return std::nullopt;
}

std::string_view name_of(envelope::PartitionBy partition_by) {
  switch (partition_by) {
    case envelope::PartitionBy::primary_key:
      return "primary-key";
    case envelope::PartitionBy::schema_table:
      return "schema-table";
  }
  __builtin_unreachable();
}

std::optional<envelope::PartitionBy> parse_partition_by(std::string_view name) {
  for (auto by : {envelope::PartitionBy::primary_key, envelope::PartitionBy::schema_table})
    if (name_of(by) == name) return by;
  return std::nullopt;
}

using Start = delivery::TriggerSpec::Start;

std::string_view name_of(Start start) {
  switch (start) {
    case Start::trim_horizon:
      return "trim-horizon";
    case Start::latest:
      return "latest";
    case Start::timestamp:
      return "at-timestamp";
  }
  __builtin_unreachable();
}

std::optional<Start> parse_start(std::string_view name) {
  for (auto start : {Start::trim_horizon, Start::latest, Start::timestamp})
    if (name_of(start) == name) return start;
  return std::nullopt;
}

}  // namespace

std::string_view name_of(log::Sync sync) {
  switch (sync) {
    case log::Sync::always:
      return "always";
    case log::Sync::interval:
      return "interval";
    case log::Sync::none:
      return "none";
  }
  __builtin_unreachable();
}

std::string to_json(const stream::StreamSpec& spec) {
  json shards = json::array();
  for (const stream::Shard& shard : spec.shards)
    shards.push_back({{"number", shard.number},
                      {"first_hash_key", to_string(shard.range.first)},
                      {"last_hash_key", to_string(shard.range.last)},
                      {"created_seconds", shard.created_seconds}});
  return write({{"name", spec.name},
                {"incarnation", std::to_string(spec.incarnation)},
                {"created_seconds", spec.created_seconds},
                {"shards", std::move(shards)},
                {"retention_hours", spec.retention.count()},
                {"retention_bytes", std::to_string(spec.retention_bytes)},
                {"sync", name_of(spec.sync)}});
}

Result<void> from_json(std::string_view text, stream::StreamSpec& spec) {
  return read_object(text, [&](Fields& fields) {
    fields.text("name", spec.name);
    fields.parsed("incarnation", spec.incarnation, parse_number);
    fields.integer("created_seconds", spec.created_seconds);
    fields.list("shards", [&](Fields& entry) {
      stream::Shard shard;
      entry.integer("number", shard.number);
      entry.parsed("first_hash_key", shard.range.first, parse_hash_key);
      entry.parsed("last_hash_key", shard.range.last, parse_hash_key);
      entry.integer("created_seconds", shard.created_seconds);
      spec.shards.push_back(shard);
    });
    fields.duration("retention_hours", spec.retention);
    fields.parsed("retention_bytes", spec.retention_bytes, parse_number);
    fields.parsed("sync", spec.sync, parse_sync);
  });
}

std::string to_json(const capture::TaskSpec& spec) {
  return write({{"name", spec.name},
                {"source", spec.source},
                {"migration_type", capture::name_of(spec.migration_type)},
                {"table_mappings", spec.table_mappings},
                {"stream", spec.stream},
                {"message_format", envelope::name_of(spec.message_format)},
                {"partition_by", name_of(spec.partition_by)},
                {"slot", spec.slot},
                {"publication", spec.publication},
                {"load_workers", spec.load_workers}});
}

Result<void> from_json(std::string_view text, capture::TaskSpec& spec) {
  return read_object(text, [&](Fields& fields) {
    fields.text("name", spec.name);
    fields.text("source", spec.source);
    fields.parsed("migration_type", spec.migration_type, capture::parse_migration_type);
    fields.text("table_mappings", spec.table_mappings);
    fields.text("stream", spec.stream);
    fields.parsed("message_format", spec.message_format, envelope::parse_format);
    fields.parsed("partition_by", spec.partition_by, parse_partition_by);
    fields.text("slot", spec.slot);
    fields.text("publication", spec.publication);
    fields.integer("load_workers", spec.load_workers);
  });
}

std::string to_json(const function::FunctionSpec& spec) {
  return write({{"name", spec.name},
                {"runtime", function::name_of(spec.runtime)},
                {"code", spec.code},
                {"handler", spec.handler},
                {"timeout_ms", spec.timeout.count()},
                {"memory_mib", spec.memory_mib},
                {"concurrency_max", spec.concurrency_max},
                {"environment", spec.environment}});
}

Result<void> from_json(std::string_view text, function::FunctionSpec& spec) {
  return read_object(text, [&](Fields& fields) {
    fields.text("name", spec.name);
    fields.parsed("runtime", spec.runtime, function::parse_runtime);
    fields.text("code", spec.code);
    fields.text("handler", spec.handler);
    fields.duration("timeout_ms", spec.timeout);
    fields.integer("memory_mib", spec.memory_mib);
    fields.integer("concurrency_max", spec.concurrency_max);
    fields.texts("environment", spec.environment);
  });
}

std::string to_json(const delivery::TriggerSpec& spec) {
  return write({{"name", spec.name},
                {"id", spec.id},
                {"stream", spec.stream},
                {"function", spec.function},
                {"batch_size", spec.batch_size},
                {"batch_window_ms", spec.batch_window.count()},
                {"starting_position", name_of(spec.start)},
                {"starting_position_ms", spec.start_ms},
                {"attempts_max", spec.attempts_max}});
}

Result<void> from_json(std::string_view text, delivery::TriggerSpec& spec) {
  return read_object(text, [&](Fields& fields) {
    fields.text("name", spec.name);
    fields.text("id", spec.id);
    fields.text("stream", spec.stream);
    fields.text("function", spec.function);
    fields.integer("batch_size", spec.batch_size);
    fields.duration("batch_window_ms", spec.batch_window);
    fields.parsed("starting_position", spec.start, parse_start);
    fields.integer("starting_position_ms", spec.start_ms);
    fields.integer("attempts_max", spec.attempts_max);
  });
}

std::vector<std::string> changed_fields(std::string_view before, std::string_view after) {
  json one = json::parse(before, nullptr, false), other = json::parse(after, nullptr, false);
  std::set<std::string> names;
  for (const json* object : {&one, &other})
    if (object->is_object())
      for (auto& [name, value] : object->items())
        if (one.value(name, json()) != other.value(name, json())) names.insert(name);
  return {names.begin(), names.end()};
}

}  // namespace tailrace::catalog
