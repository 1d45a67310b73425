#include "function/function_log.h"

#include <algorithm>

#include "base/hex.h"

namespace tailrace::function {

namespace {

constexpr std::size_t lines_max_kept = 4000;
constexpr std::size_t bytes_max_kept = 4u << 20;

// The length of the UTF-8 character at the start (RFC 3629), 0 when it is none.
std::size_t character_length(std::string_view text) {
  auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return i < text.size() && at(i) >= low && at(i) <= high;
  };
  unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef)
    return follows(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf) && follows(2) ? 3
                                                                                              : 0;
  if (first >= 0xf0 && first <= 0xf4)
    return follows(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf) && follows(2) &&
                   follows(3)
               ? 4
               : 0;
  return 0;
}

bool is_plain(char c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; }

}  // namespace

void FunctionLog::add(LogLine line) {
  {
    std::lock_guard lock(lines_mutex_);
    line.number = ++last_number_;
    bytes_ += line.text.size();
    lines_.push_back(std::move(line));
    while (lines_.size() > lines_max_kept || bytes_ > bytes_max_kept) {
      bytes_ -= lines_.front().text.size();
      lines_.pop_front();
    }
  }
  std::lock_guard lock(wakes_mutex_);
  for (const auto& [id, wake] : wakes_) wake();
}

std::vector<LogLine> FunctionLog::after(std::uint64_t number, std::size_t lines_max) const {
  std::lock_guard lock(lines_mutex_);
  if (lines_.empty() || number >= last_number_) return {};
  auto first = lines_.front().number;
  auto skipped = number < first ? 0 : number - first + 1;
  auto begin = lines_.begin() + static_cast<std::ptrdiff_t>(skipped);
  auto count = std::min<std::size_t>(lines_max, lines_.size() - skipped);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

void FunctionLog::subscribe(std::uint64_t id, std::function<void()> wake) {
  std::lock_guard lock(wakes_mutex_);
  wakes_[id] = std::move(wake);
}

bool FunctionLog::unsubscribe(std::uint64_t id) {
  std::lock_guard lock(wakes_mutex_);
  return wakes_.erase(id) > 0;
}

void LineCutter::add(std::string_view bytes, const Sink& sink) {
  while (!bytes.empty()) {
    auto end = bytes.find_first_of("\n\r");
    auto part = bytes.substr(0, end);
    auto room = std::min(line_bytes_max - std::min(line_bytes_max, line_.size()),
                         invocation_bytes_max - std::min(invocation_bytes_max, taken_));
    auto kept = part.substr(0, room);
    line_.append(kept);
    taken_ += kept.size();
    dropped_ += part.size() - kept.size();
    if (end == std::string_view::npos) return;
    end_line(sink);
    bytes.remove_prefix(end + 1);
  }
}

void LineCutter::end_line(const Sink& sink) {
  // Empty lines count too, or a flood of them would be free.
  ++taken_;
  if (!line_.empty()) sink(neutralised(line_));
  line_.clear();
}

void LineCutter::finish(const Sink& sink) {
  if (!line_.empty()) end_line(sink);
  if (dropped_ > 0)
    sink("[output limit reached: " + std::to_string(dropped_) + " bytes were dropped]");
  taken_ = 0;
  dropped_ = 0;
}

std::string neutralised(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  while (!text.empty()) {
    if (is_plain(text[0])) {
      std::size_t count = 1;
      while (count < text.size() && is_plain(text[count])) ++count;
      safe.append(text.substr(0, count));
      text.remove_prefix(count);
      continue;
    }
    auto length = character_length(text);
    auto byte = static_cast<unsigned char>(text[0]);
    // C1 controls (U+0080 to U+009F) steer terminals as escape sequences do.
    bool is_c1 = length == 2 && byte == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
    if (length == 0) {
      safe += "\xef\xbf\xbd";
    } else if (length == 1 || is_c1) {
      (safe += "\\x") += hex(text.substr(is_c1 ? 1 : 0, 1));
    } else {
      safe.append(text.substr(0, length));
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return safe;
}

std::string_view tail_of(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  text.remove_prefix(text.size() - bytes_max);
  while (!text.empty() && (static_cast<unsigned char>(text.front()) & 0xc0) == 0x80)
    text.remove_prefix(1);
  return text;
}

}  // namespace tailrace::function
