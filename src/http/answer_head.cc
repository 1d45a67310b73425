#include "http/answer_head.h"

#include <algorithm>
#include <array>
#include <boost/beast/http/status.hpp>
#include <ctime>

namespace tailrace::http {

namespace {

std::string_view reason_of(int status) {
  auto known = boost::beast::http::int_to_status(static_cast<unsigned>(status));
  if (known == boost::beast::http::status::unknown) return "Status";
  auto text = boost::beast::http::obsolete_reason(known);
  return {text.data(), text.size()};
}

bool breaks_line(char c) { return c == '\r' || c == '\n' || c == '\0'; }

void append_value(std::string& text, std::string_view value) {
  auto before = static_cast<std::ptrdiff_t>(text.size());
  text += value;
  std::replace_if(text.begin() + before, text.end(), breaks_line, ' ');
}

}  // namespace

std::string_view http_date() {
  // Formatted once a second on each thread.
  thread_local std::time_t second = -1;
  thread_local std::array<char, 30> text;
  if (auto now = std::time(nullptr); now != second) {
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    // The program never leaves the C locale, whose names of days and months these are.
    std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
    second = now;
  }
  return {text.data(), text.size() - 1};
}

bool status_has_body(int status) { return status != 204 && status != 304 && status >= 200; }

std::string field_value(std::string_view value) {
  std::string text;
  append_value(text, value);
  return text;
}

AnswerHead::AnswerHead(int status) {
  text_.reserve(512);
  text_.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(reason_of(status));
  text_ += "\r\n";
  add("date", http_date());
}

void AnswerHead::add(std::string_view name, std::string_view value) {
  text_.append(name).append(": ");
  append_value(text_, value);
  text_ += "\r\n";
}

void AnswerHead::add(const Headers& headers) {
  for (const auto& [name, value] : headers) add(name, value);
}

std::string AnswerHead::take() {
  text_ += "\r\n";
  return std::move(text_);
}

}  // namespace tailrace::http
