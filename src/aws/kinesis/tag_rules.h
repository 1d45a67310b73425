#pragma once

#include <string>
#include <string_view>

#include "aws/value.h"
#include "base/result.h"
#include "record/account.h"
#include "stream/stream_spec.h"

namespace tailrace::aws::kinesis {

// A map of tags as an input has it.
stream::Tags tags_of(const Value& map);

// Fault::invalid in AWS's words when a key or value has a character that tags may not have.
Result<void> check_tags(const stream::Tags& tags, std::string_view stream, const Account& account);
Result<void> check_tag_keys(const Value& keys, std::string_view stream, const Account& account);

}  // namespace tailrace::aws::kinesis
