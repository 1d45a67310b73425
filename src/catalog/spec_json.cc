#include "catalog/spec_json.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/whole_number.h"

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

  // Leaves what may be missing as it is.
  template <typename Integer>
  void integer(const char* name, std::optional<Integer>& into) {
    if (find(name) == nullptr) return;
    integer(name, into.emplace());
  }

  void boolean(const char* name, bool& into) {
    const json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_boolean()) return fail(name, "must be true or false");
    into = value->get<bool>();
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

  template <typename T, typename Parse>
  void set(const char* name, std::set<T>& into, Parse parse) {
    const json* value = find(name);
    if (value == nullptr) return;
    if (!value->is_array()) return fail(name, "must be a list");
    for (const json& entry : *value) {
      auto known = entry.is_string() ? parse(entry.get<std::string>()) : std::nullopt;
      if (!known) return fail(name, entry.dump() + " is not known");
      into.insert(*known);
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
  return parse_whole<std::uint64_t>(text);
}

std::optional<log::Sync> parse_sync(std::string_view name) {
  for (auto sync : {log::Sync::always, log::Sync::interval, log::Sync::none})
    if (name_of(sync) == name) return sync;
  return std::nullopt;
}

using stream::Mode, stream::ShardMetric;

std::string_view name_of(Mode mode) {
  switch (mode) {
    case Mode::provisioned:
      return "provisioned";
    case Mode::on_demand:
      return "on-demand";
  }
  __builtin_unreachable();
}

std::optional<Mode> parse_mode(std::string_view name) {
  for (auto mode : {Mode::provisioned, Mode::on_demand})
    if (name_of(mode) == name) return mode;
  return std::nullopt;
}

std::string_view name_of(ShardMetric metric) {
  switch (metric) {
    case ShardMetric::incoming_bytes:
      return "incoming-bytes";
    case ShardMetric::incoming_records:
      return "incoming-records";
    case ShardMetric::outgoing_bytes:
      return "outgoing-bytes";
    case ShardMetric::outgoing_records:
      return "outgoing-records";
    case ShardMetric::write_throughput_exceeded:
      return "write-throughput-exceeded";
    case ShardMetric::read_throughput_exceeded:
      return "read-throughput-exceeded";
    case ShardMetric::iterator_age:
      return "iterator-age";
  }
  __builtin_unreachable();
}

std::optional<ShardMetric> parse_shard_metric(std::string_view name) {
  for (auto metric :
       {ShardMetric::incoming_bytes, ShardMetric::incoming_records, ShardMetric::outgoing_bytes,
        ShardMetric::outgoing_records, ShardMetric::write_throughput_exceeded,
        ShardMetric::read_throughput_exceeded, ShardMetric::iterator_age})
    if (name_of(metric) == name) return metric;
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
  json shards = json::array(), metrics = json::array(), consumers = json::array();
  for (const stream::Shard& shard : spec.shards) {
    json entry = {{"number", shard.number},
                  {"first_hash_key", to_string(shard.range.first)},
                  {"last_hash_key", to_string(shard.range.last)},
                  {"created_seconds", shard.created_seconds}};
    if (shard.parent) entry["parent"] = *shard.parent;
    if (shard.adjacent_parent) entry["adjacent_parent"] = *shard.adjacent_parent;
    if (shard.closed_ms) entry["closed_ms"] = *shard.closed_ms;
    shards.push_back(std::move(entry));
  }
  for (stream::ShardMetric metric : spec.shard_metrics) metrics.push_back(name_of(metric));
  for (const stream::Consumer& consumer : spec.consumers)
    consumers.push_back({{"name", consumer.name},
                         {"created_seconds", consumer.created_seconds},
                         {"tags", consumer.tags},
                         {"policy", consumer.policy}});
  return write({{"name", spec.name},
                {"incarnation", std::to_string(spec.incarnation)},
                {"created_seconds", spec.created_seconds},
                {"shards", std::move(shards)},
                {"retention_hours", spec.retention.count()},
                {"retention_bytes", std::to_string(spec.retention_bytes)},
                {"sync", name_of(spec.sync)},
                {"declared_shards", spec.declared_shards},
                {"hidden_before_ms", spec.hidden_before_ms},
                {"mode", name_of(spec.mode)},
                {"max_record_kib", spec.max_record_kib},
                {"kms_key_id", spec.kms_key_id},
                {"shard_metrics", std::move(metrics)},
                {"tags", spec.tags},
                {"policy", spec.policy},
                {"warm_throughput_mibps", spec.warm_throughput_mibps},
                {"consumers", std::move(consumers)},
                {"aws_limits", spec.aws_limits}});
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
      entry.integer("parent", shard.parent);
      entry.integer("adjacent_parent", shard.adjacent_parent);
      entry.integer("closed_ms", shard.closed_ms);
      spec.shards.push_back(shard);
    });
    fields.duration("retention_hours", spec.retention);
    fields.parsed("retention_bytes", spec.retention_bytes, parse_number);
    fields.parsed("sync", spec.sync, parse_sync);
    fields.integer("declared_shards", spec.declared_shards);
    fields.integer("hidden_before_ms", spec.hidden_before_ms);
    fields.parsed("mode", spec.mode, parse_mode);
    fields.integer("max_record_kib", spec.max_record_kib);
    fields.text("kms_key_id", spec.kms_key_id);
    fields.set("shard_metrics", spec.shard_metrics, parse_shard_metric);
    fields.texts("tags", spec.tags);
    fields.text("policy", spec.policy);
    fields.integer("warm_throughput_mibps", spec.warm_throughput_mibps);
    fields.list("consumers", [&](Fields& entry) {
      stream::Consumer consumer;
      entry.text("name", consumer.name);
      entry.integer("created_seconds", consumer.created_seconds);
      entry.texts("tags", consumer.tags);
      entry.text("policy", consumer.policy);
      spec.consumers.push_back(std::move(consumer));
    });
    fields.boolean("aws_limits", spec.aws_limits);
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
