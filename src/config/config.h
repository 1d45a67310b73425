#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/identity.h"
#include "base/result.h"
#include "catalog/catalog.h"
#include "record/account.h"

namespace tailrace::config {

struct Endpoint {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};

// PEM files, as absolute paths.
struct TlsFiles {
  std::string certificate;  // the server's, then those that lead to its issuer
  std::string key;
  bool operator==(const TlsFiles&) const = default;
};

// A configuration file, checked (docs/configuration.md is its reference).
struct Config {
  std::string data = "./data";  // absolute after parsing; relative paths start at the file's folder
  Endpoint aws{"127.0.0.1", 4566};
  Endpoint admin{"127.0.0.1", 4590};
  std::optional<TlsFiles> tls;     // of the AWS-shaped port
  Account account;                 // of the AWS-shaped port
  std::vector<aws::KeySpec> keys;  // none: signatures are not checked, any key works
  catalog::Declaration declaration;
};

// One thing wrong, as a person wants to read it.
struct Problem {
  std::string file;
  int line = 0, column = 0;  // from 1; 0: the file as a whole
  std::string key;           // "tasks.products.migration_type"
  std::string message;       // what is wrong, what is expected, did you mean
  bool warning = false;
};
// "tailrace.yaml:12:5: error: tasks.products.strem: unknown key; did you mean 'stream'?" with the
// line and a caret below it.
std::string render(const Problem& problem, std::string_view content);

struct Parsed {
  std::optional<Config> config;  // only when no problem is an error
  // All of them, not only the first, in file order; of very many the last says how many are left
  // out.
  std::vector<Problem> problems;
  // listen.admin, when that much could be read although the rest is wrong: what a client needs.
  std::optional<Endpoint> admin;
};

// What a configuration refers to outside its own text.
struct Surroundings {
  std::function<std::optional<std::string>(const std::string&)> variable;  // ${VAR}
  std::function<Result<std::string>(const std::string&)> read;             // a file, whole
  std::function<bool(const std::string&)> is_folder;
};

// Parses YAML (or JSON) text. `variable` looks up ${VAR}; ${VAR:-default} and ${file:/path} work
// too. Interpolation happens in scalar values after YAML parsing, so that a value cannot inject
// structure. `file` is for messages and relative paths (table_mappings files are read and checked).
Parsed parse(std::string_view content, const std::string& file,
             const std::function<std::optional<std::string>(const std::string&)>& variable);
// The same with every outside thing given: touches nothing else.
Parsed parse(std::string_view content, const std::string& file, const Surroundings& surroundings);

// Reads and parses with the process environment. Fault::not_found when there is no such file.
struct Loaded {
  Parsed parsed;
  std::string content;
};
Result<Loaded> load(const std::string& file);

// "127.0.0.1:4590", "localhost:4590" or "[::1]:4590". Any host; Fault::invalid says what is wrong.
Result<Endpoint> parse_endpoint(std::string_view text);
std::string to_string(const Endpoint& endpoint);
// 127.0.0.0/8, ::1 or localhost.
bool is_loopback(const Endpoint& endpoint);

// The known word nearest to `word` by edit distance, if one is near enough to be meant.
std::optional<std::string> did_you_mean(std::string_view word,
                                        const std::vector<std::string>& known);

}  // namespace tailrace::config
