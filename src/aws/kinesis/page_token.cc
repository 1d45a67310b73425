#include "aws/kinesis/page_token.h"

#include <array>

#include "base/base64.h"
#include "base/whole_number.h"

namespace tailrace::aws::kinesis {
namespace {

// None of the fields may contain it: names, shard ids and numbers do not.
constexpr char separator = '|';

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
  if (part + 1 != parts.size()) return std::nullopt;
  auto incarnation = parse_whole<decltype(PageToken::incarnation)>(parts[2]);
  auto issued_ms = parse_whole<decltype(PageToken::issued_ms)>(parts[5]);
  if (!incarnation || !issued_ms) return std::nullopt;
  return PageToken{parts[0], parts[1], *incarnation, parts[3], parts[4], *issued_ms};
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
