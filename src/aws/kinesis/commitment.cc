#include "aws/kinesis/commitment.h"

#include <charconv>
#include <string_view>

#include "aws/kinesis/names.h"

namespace tailrace::aws::kinesis {
namespace {

// In the catalogue's settings: when the commitment began, and after a space when it was asked to
// end, both in milliseconds since 1970.
constexpr const char* commitment_setting = "throughput_commitment";

constexpr std::int64_t warm_throughput_mibps_max = 10 * 1024;

bool parse(std::string_view text, std::int64_t& number) {
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc{} && end == text.data() + text.size();
}

}  // namespace

Result<Commitment> read_commitment(const Control& control) {
  auto text = control.operations.setting(commitment_setting);
  if (!text) return std::move(text).error();
  Commitment commitment;
  if (!*text) return commitment;
  std::string_view kept = **text;
  auto space = kept.find(' ');
  bool whole = parse(kept.substr(0, space), commitment.started_ms);
  if (space != std::string_view::npos)
    whole = parse(kept.substr(space + 1), commitment.end_asked_ms.emplace()) && whole;
  if (!whole)
    return Error{Fault::corrupt,
                 std::string("the setting ") + commitment_setting + " in the catalogue is damaged"};
  return commitment;
}

std::optional<Failure> refuse_warm_throughput(const Control& control, const std::string& stream,
                                              stream::Mode mode, std::int64_t mibps) {
  auto invalid = [](std::string why) { return Failure{"ValidationException", std::move(why)}; };
  if (mode != stream::Mode::on_demand)
    return invalid("Stream " + stream + " under account " + control.account.id +
                   " is in provisioned mode: only streams in on-demand mode have a warm "
                   "throughput.");
  if (mibps > warm_throughput_mibps_max)
    return invalid("WarmThroughputMiBps can be at most " +
                   std::to_string(warm_throughput_mibps_max) + ".");
  auto commitment = read_commitment(control);
  if (!commitment) return failure_of(commitment.error());
  if (!commitment->holds_at(now_ms(control)))
    return invalid(
        "A warm throughput needs the account's MinimumThroughputBillingCommitment: "
        "enable it by UpdateAccountSettings.");
  return std::nullopt;
}

Result<void> keep_commitment(const Control& control, const Commitment& commitment) {
  std::string text = std::to_string(commitment.started_ms);
  if (commitment.end_asked_ms) text += " " + std::to_string(*commitment.end_asked_ms);
  return control.operations.set_setting(commitment_setting, text);
}

}  // namespace tailrace::aws::kinesis
