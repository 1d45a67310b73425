#include <set>

#include "catalog/catalog.h"
#include "catalog/spec_json.h"

namespace tailrace::catalog {
namespace {

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string joined(const std::vector<std::string>& parts, const char* between) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

// Of what differs, what a declaration could have said.
template <typename Spec>
std::vector<std::string> declared_fields(const Spec& before, const Spec& after) {
  auto fields = changed_fields(to_json(before), to_json(after));
  std::erase(fields, "hidden_before_ms");  // follows from the retention
  return fields;
}

template <typename Spec>
const Entry<Spec>* find(const std::vector<Entry<Spec>>& entries, const std::string& name) {
  for (auto& entry : entries)
    if (entry.spec.name == name) return &entry;
  return nullptr;
}

// One application, inside the catalogue's transaction.
class Application {
 public:
  Application(Catalog& catalog, const Declaration& declaration, Clock& clock)
      : catalog_(catalog), declaration_(declaration), clock_(clock) {}

  Result<std::vector<std::string>> run();

 private:
  Result<void> read();
  void check_names();
  void check_references();
  Result<void> put_streams();
  template <typename Spec>
  Result<void> put_all(const char* kind, const std::vector<Spec>& wanted,
                       const std::vector<Entry<Spec>>& known);
  template <typename Spec>
  Result<void> remove_left_out(Catalog::Kind kind, const char* title,
                               const std::vector<Spec>& wanted,
                               const std::vector<Entry<Spec>>& known);

  Catalog& catalog_;
  const Declaration& declaration_;
  Clock& clock_;

  std::vector<delivery::TriggerSpec> wanted_triggers_;  // with their names and ids
  std::vector<Entry<stream::StreamSpec>> streams_;
  std::vector<Entry<capture::TaskSpec>> tasks_;
  std::vector<Entry<function::FunctionSpec>> functions_;
  std::vector<Entry<delivery::TriggerSpec>> triggers_;
  std::vector<std::string> problems_, done_;
};

Result<std::vector<std::string>> Application::run() {
  if (auto known = read(); !known) return std::move(known).error();
  check_names();
  check_references();
  if (!problems_.empty()) return Error{Fault::invalid, joined(problems_, "; ")};

  // What is named comes before what names it, and goes after it.
  auto result = put_streams();
  if (result) result = put_all("function", declaration_.functions, functions_);
  if (result) result = put_all("task", declaration_.tasks, tasks_);
  if (result) result = put_all("trigger", wanted_triggers_, triggers_);
  if (result)
    result = remove_left_out(Catalog::Kind::trigger, "trigger", wanted_triggers_, triggers_);
  if (result) result = remove_left_out(Catalog::Kind::task, "task", declaration_.tasks, tasks_);
  if (result)
    result =
        remove_left_out(Catalog::Kind::function, "function", declaration_.functions, functions_);
  if (!result) return std::move(result).error();
  return std::move(done_);
}

Result<void> Application::read() {
  auto streams = catalog_.streams();
  if (!streams) return std::move(streams).error();
  auto tasks = catalog_.tasks();
  if (!tasks) return std::move(tasks).error();
  auto functions = catalog_.functions();
  if (!functions) return std::move(functions).error();
  auto triggers = catalog_.triggers();
  if (!triggers) return std::move(triggers).error();
  streams_ = std::move(*streams);
  tasks_ = std::move(*tasks);
  functions_ = std::move(*functions);
  triggers_ = std::move(*triggers);
  for (delivery::TriggerSpec trigger : declaration_.triggers) {
    if (trigger.name.empty()) trigger.name = trigger.stream + "/" + trigger.function;
    // Its id is given once and is not part of a declaration.
    if (auto* known = find(triggers_, trigger.name)) trigger.id = known->spec.id;
    wanted_triggers_.push_back(std::move(trigger));
  }
  return {};
}

void Application::check_names() {
  auto once = [&](const char* kind, const auto& specs) {
    std::set<std::string> names;
    for (auto& spec : specs)
      if (!names.insert(spec.name).second)
        problems_.push_back(std::string(kind) + " " + spec.name + ": declared twice");
  };
  once("stream", declaration_.streams);
  once("task", declaration_.tasks);
  once("function", declaration_.functions);
  once("trigger", wanted_triggers_);

  for (const Declaration::Stream& wanted : declaration_.streams) {
    if (auto name = stream::check_stream_name(wanted.name); !name)
      problems_.push_back(name.error().message);
    if (wanted.shards == 0)
      problems_.push_back("stream " + wanted.name + ": needs at least one shard");
    auto* known = find(streams_, wanted.name);
    if (known != nullptr && known->spec.shards_declared() != wanted.shards)
      problems_.push_back("stream " + wanted.name + ": was created with " +
                          counted(known->spec.shards_declared(), "shard") + ", not " +
                          std::to_string(wanted.shards) +
                          "; the number of shards changes through the stream API "
                          "(UpdateShardCount), so declare " +
                          std::to_string(known->spec.shards_declared()) +
                          ", or declare a stream of another name");
  }
}

void Application::check_references() {
  auto stream_exists = [&](const std::string& name) {
    for (auto& declared : declaration_.streams)
      if (declared.name == name) return true;
    return find(streams_, name) != nullptr;
  };
  // A function that YAML declared before and leaves out now goes away.
  auto function_exists = [&](const std::string& name) {
    for (auto& declared : declaration_.functions)
      if (declared.name == name) return true;
    auto* known = find(functions_, name);
    return known != nullptr && known->origin == Origin::api;
  };
  for (const capture::TaskSpec& task : declaration_.tasks)
    if (!stream_exists(task.stream))
      problems_.push_back("task " + task.name + ": there is no stream " + task.stream);
  for (const delivery::TriggerSpec& trigger : wanted_triggers_) {
    if (!stream_exists(trigger.stream))
      problems_.push_back("trigger " + trigger.name + ": there is no stream " + trigger.stream);
    if (!function_exists(trigger.function))
      problems_.push_back("trigger " + trigger.name + ": there is no function " + trigger.function);
  }
}

Result<void> Application::put_streams() {
  std::int64_t now_ms = unix_ms(clock_.now());
  for (const Declaration::Stream& wanted : declaration_.streams) {
    auto* known = find(streams_, wanted.name);
    stream::StreamSpec spec;
    if (known != nullptr) {
      spec = known->spec;
    } else {
      spec.name = wanted.name;
      spec.incarnation = stream::random_incarnation();
      spec.created_seconds = unix_seconds(clock_.now());
      spec.shards = stream::initial_shards(wanted.shards, spec.created_seconds);
      spec.declared_shards = wanted.shards;
    }
    spec.set_retention(wanted.retention, now_ms);
    spec.retention_bytes = wanted.retention_bytes;
    spec.sync = wanted.sync;
    spec.aws_limits = wanted.aws_limits;
    if (auto put = put_all("stream", std::vector{spec}, streams_); !put) return put;
    if (known == nullptr)
      done_.back() = "stream " + spec.name + ": created with " + counted(wanted.shards, "shard");
  }
  return {};
}

template <typename Spec>
Result<void> Application::put_all(const char* kind, const std::vector<Spec>& wanted,
                                  const std::vector<Entry<Spec>>& known) {
  for (const Spec& spec : wanted) {
    auto* before = find(known, spec.name);
    bool same = before != nullptr && before->spec == spec;
    if (same && before->origin == Origin::yaml) continue;
    auto put = catalog_.put(spec, Origin::yaml);
    if (!put) return std::move(put).error();
    std::string sentence = std::string(kind) + " " + spec.name + ": ";
    if (before == nullptr)
      sentence += "created";
    else if (same)
      sentence += "now declared here";
    else
      sentence += "changed " + joined(declared_fields(before->spec, spec), ", ");
    done_.push_back(std::move(sentence));
  }
  return {};
}

template <typename Spec>
Result<void> Application::remove_left_out(Catalog::Kind kind, const char* title,
                                          const std::vector<Spec>& wanted,
                                          const std::vector<Entry<Spec>>& known) {
  std::set<std::string> names;
  for (const Spec& spec : wanted) names.insert(spec.name);
  for (auto& entry : known) {
    if (entry.origin != Origin::yaml || names.contains(entry.spec.name)) continue;
    auto removed = catalog_.remove(kind, entry.spec.name);
    if (removed)
      done_.push_back(std::string(title) + " " + entry.spec.name + ": removed");
    else if (removed.error().fault == Fault::conflict)
      // A trigger made through the API still names it.
      done_.push_back(std::string(title) + " " + entry.spec.name +
                      ": not declared any more, but kept: " + removed.error().message);
    else
      return removed;
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> apply(Catalog& catalog, const Declaration& declaration,
                                       Clock& clock) {
  std::vector<std::string> done;
  auto applied = catalog.together([&](Catalog& inside) -> Result<void> {
    auto ran = Application(inside, declaration, clock).run();
    if (!ran) return std::move(ran).error();
    done = std::move(*ran);
    return {};
  });
  if (!applied) return std::move(applied).error();
  return done;
}

}  // namespace tailrace::catalog
