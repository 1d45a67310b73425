#include "catalog/throughput_commitment.h"

#include "base/whole_number.h"

namespace tailrace::catalog {

void ThroughputCommitment::ask(bool wanted, std::int64_t now_ms) {
  const bool holds = holds_at(now_ms);
  if (wanted && !holds) {
    *this = {now_ms, std::nullopt};
  } else if (wanted) {
    end_asked_ms.reset();
  } else if (holds && !end_asked_ms) {
    end_asked_ms = now_ms;
  }
}

std::string to_setting(const ThroughputCommitment& commitment) {
  std::string text = std::to_string(commitment.started_ms);
  if (commitment.end_asked_ms) text += " " + std::to_string(*commitment.end_asked_ms);
  return text;
}

std::optional<ThroughputCommitment> commitment_of_setting(std::string_view setting) {
  auto space = setting.find(' ');
  auto started = parse_whole<std::int64_t>(setting.substr(0, space));
  if (!started) return std::nullopt;
  if (space == std::string_view::npos) return ThroughputCommitment{*started, std::nullopt};
  auto end_asked = parse_whole<std::int64_t>(setting.substr(space + 1));
  if (!end_asked) return std::nullopt;
  return ThroughputCommitment{*started, end_asked};
}

}  // namespace tailrace::catalog
