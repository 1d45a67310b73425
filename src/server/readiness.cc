#include "server/readiness.h"

#include <utility>

namespace tailrace::server {
namespace {

using Check = admin::Parts::Check;

Check check_of(const capture::TaskStatus& task) {
  Check check{"task " + task.spec.name, true, std::string(capture::name_of(task.state))};
  switch (task.state) {
    case capture::TaskState::retrying:
    case capture::TaskState::failed:
      check.ok = false;
      break;
    case capture::TaskState::loading:
    case capture::TaskState::running:
      // It waits until its log takes records again.
      check.ok = !task.error;
      break;
    case capture::TaskState::stopped:
    case capture::TaskState::starting:
    case capture::TaskState::finished:
      break;
  }
  if (task.error) check.reason += ": " + task.error->message;
  return check;
}

}  // namespace

std::vector<Check> readiness_of(admin::Parts& parts, bool started) {
  std::vector<Check> checks;
  checks.push_back({"start", started, started ? "every part was started" : "starting"});

  for (const auto& stream : parts.streams().all()) {
    auto fenced = stream->log().fenced();
    checks.push_back(
        {"stream " + stream->spec()->name, !fenced, fenced ? fenced->message : "open"});
  }
  for (const auto& broken : parts.broken_streams())
    checks.push_back({"stream " + broken.spec.name, false, broken.error.message});

  for (const auto& task : parts.tasks()) checks.push_back(check_of(task));

  for (const auto& broken : parts.broken_functions())
    checks.push_back({"function " + broken.spec.name, false, broken.error.message});
  for (const auto& trigger : parts.deliveries().status())
    checks.push_back({"trigger " + trigger.spec.name, trigger.error.empty(),
                      trigger.error.empty() ? "running" : trigger.error});
  for (const auto& broken : parts.broken_triggers())
    checks.push_back({"trigger " + broken.spec.name, false, broken.error.message});
  return checks;
}

}  // namespace tailrace::server
