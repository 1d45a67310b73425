#include "aws/kinesis/page_token.h"

#include <array>
#include <charconv>

#include "base/base64.h"

namespace tailrace::aws::kinesis {
namespace {

// None of the fields may contain it: names, shard ids and numbers do not.
constexpr char separator = '|';

template <typename Integer>
bool parse(std::string_view text, Integer& number) {
  auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::string to_text(const PageToken& token) {
  std::string fields = token.list;
  for (const std::string& field : {token.stream, std::to_string(token.incarnation), token.after,
                                   token.filter, std::to_string(token.issued_ms)}) {
    fields += separator;
    fields += field;
  }
  return base64(fields);
}

std::optional<PageToken> parse_page_token(std::string_view text) {
  auto fields = from_base64(text);
  if (!fields) return std::nullopt;
  std::array<std::string, 6> parts;
  std::size_t part = 0;
  for (char c : *fields) {
    if (c != separator)
      parts[part] += c;
    else if (++part == parts.size())
      return std::nullopt;
  }
  PageToken token{parts[0], parts[1], 0, parts[3], parts[4], 0};
  if (part + 1 != parts.size() || !parse(parts[2], token.incarnation) ||
      !parse(parts[5], token.issued_ms))
    return std::nullopt;
  return token;
}

std::variant<PageToken, Failure> accept_page_token(std::string_view text, std::string_view list,
                                                   std::int64_t now_ms) {
  auto token = parse_page_token(text);
  if (!token || token->list != list)
    return Failure{"InvalidArgumentException", "Invalid NextToken."};
  if (now_ms - token->issued_ms > page_token_life_ms)
    return Failure{"ExpiredNextTokenException", "NextToken has expired: it is good for " +
                                                    std::to_string(page_token_life_ms / 1000) +
                                                    " seconds."};
  return *token;
}

}  // namespace tailrace::aws::kinesis
