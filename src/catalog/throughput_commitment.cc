#include "catalog/throughput_commitment.h"

#include <charconv>

namespace tailrace::catalog {
namespace {

bool parse(std::string_view text, std::int64_t& number) {
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc{} && end == text.data() + text.size();
}

}  // namespace

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
  ThroughputCommitment commitment;
  auto space = setting.find(' ');
  bool whole = parse(setting.substr(0, space), commitment.started_ms);
  if (space != std::string_view::npos)
    whole = parse(setting.substr(space + 1), commitment.end_asked_ms.emplace()) && whole;
  if (!whole) return std::nullopt;
  return commitment;
}

}  // namespace tailrace::catalog
