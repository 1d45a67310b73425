#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "config/document.h"
#include "config/fields.h"
#include "config/sections.h"

namespace tailrace::config {
namespace {

void read_root(Reading& reading, const Node& node, Config& config, Parsed& parsed) {
  Fields root(reading, node, "", Place{1, 1},
              {"data", "listen", "aws", "streams", "tasks", "functions", "triggers"});
  auto data = root.text("data");
  if (data && data->empty()) root.error("data", "expected a folder, found an empty text");
  config.data = reading.absolute(data.value_or(config.data));
  if (const Node* aws = root.find("aws")) read_aws(reading, *aws, config);
  if (const Node* listen = root.find("listen")) read_listen(reading, *listen, config, parsed);

  // What is referred to comes before what refers to it, whatever the file's order.
  Names names;
  if (const Node* streams = root.find("streams"))
    read_streams(reading, *streams, config.declaration, names);
  if (const Node* functions = root.find("functions"))
    read_functions(reading, *functions, config.declaration, names);
  if (const Node* tasks = root.find("tasks"))
    read_tasks(reading, *tasks, names, config.declaration);
  if (const Node* triggers = root.find("triggers"))
    read_triggers(reading, *triggers, names, config.declaration);
}

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (!value) return std::nullopt;
  return value;
}

}  // namespace

Parsed parse(std::string_view content, const std::string& file, const Surroundings& surroundings) {
  Parsed parsed;
  Document document = read_document(content, file);
  if (document.problem) {
    parsed.problems.push_back(*std::move(document.problem));
    return parsed;
  }
  Reading reading(file, surroundings);
  Config config;
  read_root(reading, document.root, config, parsed);
  if (!reading.has_errors()) parsed.config = std::move(config);
  parsed.problems = reading.take_problems();
  return parsed;
}

Parsed parse(std::string_view content, const std::string& file,
             const std::function<std::optional<std::string>(const std::string&)>& variable) {
  auto is_folder = [](const std::string& path) {
    std::error_code ignored;
    return std::filesystem::is_directory(path, ignored);
  };
  return parse(content, file, Surroundings{variable, read_file, is_folder});
}

Result<Loaded> load(const std::string& file) {
  auto content = read_file(file);
  if (!content) return std::move(content).error().during("configuration");
  Parsed parsed = parse(*content, file, environment_variable);
  return Loaded{std::move(parsed), *std::move(content)};
}

}  // namespace tailrace::config
