#include "aws/kinesis/control.h"

#include <chrono>
#include <iterator>
#include <utility>

#include "aws/kinesis/names.h"

namespace tailrace::aws::kinesis {

Outcome::Outcome(const Error& error) : state_(failure_of(error)) {}

Outcome::Outcome(const Result<void>& result) {
  if (!result) state_ = failure_of(result.error());
}

void Outcome::answer(Call& call) const {
  if (const auto* failure = std::get_if<Failure>(&state_)) return call.fail(*failure);
  if (const auto* members = std::get_if<Members>(&state_)) return call.answer(*members);
  call.answer();
}

Handled looking(const Control& control, std::string_view action, Act act) {
  return {action, [&control, act = std::move(act)](const std::shared_ptr<Call>& call) {
            act(control, call->input()).answer(*call);
          }};
}

Handled changing(const Control& control, std::string_view action, Act act) {
  auto run = [&control, act = std::move(act)](const std::shared_ptr<Call>& call) {
    bool taken = control.blocking.submit(
        [&control, act, call] { act(control, call->input()).answer(*call); });
    if (!taken)
      call->fail({"ServiceUnavailable", "Too many changes wait for the disk. Try again.", 503});
  };
  return {action, std::move(run)};
}

std::vector<Handled> control_actions(const Control& control) {
  std::vector<Handled> all;
  for (auto group : {stream_actions, shard_actions, setting_actions, consumer_actions, tag_actions,
                     policy_actions, account_actions}) {
    std::vector<Handled> actions = group(control);
    std::move(actions.begin(), actions.end(), std::back_inserter(all));
  }
  return all;
}

Result<std::shared_ptr<stream::Stream>> find_stream(const Control& control, const Value& input) {
  auto name = stream_of(control.account, input);
  if (!name) return std::move(name).error();
  return find_stream(control, *name);
}

Result<std::shared_ptr<stream::Stream>> find_stream(const Control& control,
                                                    const std::string& name) {
  auto stream = control.streams.find(name);
  if (!stream) return control.operations.no_stream_error(name);
  return stream;
}

Result<void> check_creation(const Control& control, const Value& input,
                            const stream::StreamSpec& spec) {
  const Value& created = input["StreamCreationTimestamp"];
  // Clients read the second that we report; some cut the milliseconds off, which are zero.
  if (!created || created.epoch_millis() / 1000 == spec.created_seconds) return {};
  return control.operations.no_stream_error(spec.name);
}

std::int64_t now_ms(const Control& control) { return unix_ms(control.clock.now()); }

}  // namespace tailrace::aws::kinesis
