#pragma once

#include <string>
#include <string_view>

#include "base/buffer.h"

namespace tailrace {

// Appends the text as a JSON string with its quotes (RFC 8259 section 7). Bytes that are not valid
// UTF-8 pass through unchanged; the caller knows its encoding.
void append_json_string(Buffer& out, std::string_view text);
std::string json_string(std::string_view text);

}  // namespace tailrace
