#include "capture/task.h"

namespace tailrace::capture {

std::optional<MigrationType> parse_migration_type(std::string_view name) {
  for (auto type : {MigrationType::full_load, MigrationType::cdc, MigrationType::full_load_and_cdc})
    if (name == name_of(type)) return type;
  return std::nullopt;
}

std::string_view name_of(MigrationType type) {
  switch (type) {
    case MigrationType::full_load:
      return "full-load";
    case MigrationType::cdc:
      return "cdc";
    case MigrationType::full_load_and_cdc:
      return "full-load-and-cdc";
  }
  __builtin_unreachable();
}

std::string_view name_of(TaskState state) {
  switch (state) {
    case TaskState::stopped:
      return "stopped";
    case TaskState::starting:
      return "starting";
    case TaskState::loading:
      return "loading";
    case TaskState::running:
      return "running";
    case TaskState::retrying:
      return "retrying";
    case TaskState::failed:
      return "failed";
    case TaskState::finished:
      return "finished";
  }
  __builtin_unreachable();
}

std::string_view name_of(TableState state) {
  switch (state) {
    case TableState::before_load:
      return "before-load";
    case TableState::loading:
      return "loading";
    case TableState::loaded:
      return "loaded";
    case TableState::streaming:
      return "streaming";
    case TableState::error:
      return "error";
  }
  __builtin_unreachable();
}

}  // namespace tailrace::capture
