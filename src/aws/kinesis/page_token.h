#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "aws/error.h"

namespace tailrace::aws::kinesis {

// Where the next page of a list begins, as a NextToken. A client holds all of it and the server
// nothing, so a token outlives a restart. It is no secret and no permission: what a made-up one
// asks for could be asked for by name, and the door authorises it the same.
struct PageToken {
  std::string list;    // which action's: "ListShards"
  std::string stream;  // empty: the list is of streams
  std::uint64_t incarnation = 0;
  std::string after;   // the name or shard that was the last of its page
  std::string filter;  // as its action writes it
  std::int64_t issued_ms = 0;
  bool operator==(const PageToken&) const = default;
};

inline constexpr std::int64_t page_token_life_ms = 300'000;

std::string to_text(const PageToken& token);
// Nothing when it is none that to_text() could have made.
std::optional<PageToken> parse_page_token(std::string_view text);
// A token of that list that is still good: InvalidArgumentException or ExpiredNextTokenException
// else.
std::variant<PageToken, Failure> accept_page_token(std::string_view text, std::string_view list,
                                                   std::int64_t now_ms);

}  // namespace tailrace::aws::kinesis
