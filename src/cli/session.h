#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/console.h"
#include "cli/exit_code.h"

namespace tailrace::cli {

// The flags that every command takes.
struct Settings {
  bool json = false;
  bool quiet = false;
  int verbose = 0;
  Color color = Color::automatic;
  std::string admin;   // empty: not given
  std::string config;  // empty: not given
};

// What a command came to. With --json it becomes the envelope {command, ok, result, error}; live
// commands have printed their lines already and are `silent`.
struct Outcome {
  int code = exit_ok;
  std::string result;  // JSON text; empty: none
  std::optional<Error> error;
  bool silent = false;

  static Outcome of(std::string result_json) {
    return {exit_ok, std::move(result_json), std::nullopt, false};
  }
  static Outcome live() { return {exit_ok, "", std::nullopt, true}; }
  static Outcome failed(Error error) {
    int code = exit_code_of(error.fault);
    return failed(code, std::move(error));
  }
  static Outcome failed(int code, Error error) { return {code, "", std::move(error), false}; }
};

// What a command works with.
struct Session {
  Settings settings;
  Console& console;

  // Prints for people; silent with --json, where the result speaks. False when the reader has gone.
  bool print(std::string_view text) { return settings.json || console.print(text); }
  std::string config_file() const {
    return settings.config.empty() ? "tailrace.yaml" : settings.config;
  }
};

}  // namespace tailrace::cli
