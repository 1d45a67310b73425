#include "aws/kinesis/tag_rules.h"

#include <re2/re2.h>

namespace tailrace::aws::kinesis {
namespace {

// AWS asks twice: the second question refuses the percent sign that the first lets pass. The colon
// is allowed as everywhere else on AWS: tools put "team:cost" and the like on all that they make.
bool has_only_known_characters(std::string_view text) {
  static const RE2 known(R"([\p{L}\p{N}\p{Z}\t\n\r_.:/=+\-%@]*)");
  return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), known);
}

Result<void> check(std::string_view text, std::string_view verb, std::string_view stream,
                   const Account& account) {
  if (!has_only_known_characters(text))
    return Error{Fault::invalid,
                 "Some tags contain invalid characters. Valid characters: Unicode letters, digits, "
                 "white space, _ . / = + - % @."};
  if (text.find('%') != std::string_view::npos)
    return Error{Fault::invalid,
                 "Failed to " + std::string(verb) + " stream " + std::string(stream) +
                     " under account " + account.id +
                     " because some tags contained illegal characters. The allowed characters are "
                     "Unicode letters, white-spaces, '_',',','/','=','+','-','@'."};
  return {};
}

}  // namespace

stream::Tags tags_of(const Value& map) {
  stream::Tags tags;
  for (const Member& member : map.members()) tags[std::string(member.name)] = member.value.text();
  return tags;
}

Result<void> check_tags(const stream::Tags& tags, std::string_view stream, const Account& account) {
  for (const auto& [key, value] : tags)
    for (std::string_view text : {std::string_view(key), std::string_view(value)})
      if (auto checked = check(text, "add tags to", stream, account); !checked) return checked;
  return {};
}

Result<void> check_tag_keys(const Value& keys, std::string_view stream, const Account& account) {
  for (const Value& key : keys.items())
    if (auto checked = check(key.text(), "remove tags from", stream, account); !checked)
      return checked;
  return {};
}

}  // namespace tailrace::aws::kinesis
