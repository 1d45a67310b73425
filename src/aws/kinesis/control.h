#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "aws/call.h"
#include "aws/kinesis/operations.h"
#include "base/blocking_pool.h"
#include "base/clock.h"
#include "base/result.h"
#include "catalog/stream_operations.h"
#include "record/account.h"
#include "stream/streams.h"

namespace tailrace::aws::kinesis {

// What the control plane works on: the actions that make, change and describe streams, shards and
// consumers. Everything outlives the calls.
struct Control {
  stream::Streams& streams;
  catalog::StreamOperations& operations;
  const Account account;
  Clock& clock;
  BlockingPool& blocking;
};

// What an action comes to: members for the answer, nothing to say, or a failure.
class Outcome {
 public:
  using Members = std::function<void(Writer&)>;

  Outcome(Members members) : state_(std::move(members)) {}
  Outcome(Failure failure) : state_(std::move(failure)) {}
  Outcome(const Error& error);
  Outcome(const Result<void>& result);

  void answer(Call& call) const;

 private:
  std::variant<std::monostate, Members, Failure> state_;
};

using Act = std::function<Outcome(const Control&, const Value& input)>;

// An action that only looks at what is in memory: done at once. The control outlives it.
Handled looking(const Control& control, std::string_view action, Act act);
// An action that waits for the disk: done on the blocking pool.
Handled changing(const Control& control, std::string_view action, Act act);

// The groups, a file each.
std::vector<Handled> stream_actions(const Control& control);
std::vector<Handled> shard_actions(const Control& control);
std::vector<Handled> setting_actions(const Control& control);
std::vector<Handled> consumer_actions(const Control& control);
std::vector<Handled> tag_actions(const Control& control);
std::vector<Handled> policy_actions(const Control& control);
std::vector<Handled> account_actions(const Control& control);
// All of them.
std::vector<Handled> control_actions(const Control& control);

// The stream that a request names. Fault::not_found when there is none.
Result<std::shared_ptr<stream::Stream>> find_stream(const Control& control, const Value& input);
Result<std::shared_ptr<stream::Stream>> find_stream(const Control& control,
                                                    const std::string& name);

// StreamCreationTimestamp tells streams apart that had one name one after the other:
// Fault::not_found when it is given and not this stream's.
Result<void> check_creation(const Control& control, const Value& input,
                            const stream::StreamSpec& spec);

// Cuts a list down to one page: what the request's limit asks for, and `max` at most, however much
// that is. Whether something was left off.
template <typename Item>
bool cut_to_page(std::vector<Item>& items, const Value& limit, std::int64_t max) {
  auto size = static_cast<std::size_t>(std::min(limit.integer_or(max), max));
  if (items.size() <= size) return false;
  items.resize(size);
  return true;
}

std::int64_t now_ms(const Control& control);

}  // namespace tailrace::aws::kinesis
