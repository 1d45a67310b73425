#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/buffer.h"

namespace tailrace {

// RFC 4648 section 4, with padding, without line breaks.
void append_base64(Buffer& out, std::string_view bytes);
void append_base64(std::string& out, std::string_view bytes);
std::string base64(std::string_view bytes);

// Strict: wrong length, alphabet, padding or unused bits that are not zero give nothing.
std::optional<std::string> from_base64(std::string_view text);
// Into room for three quarters of the text, which may be the text's own place. Returns how many
// bytes were decoded; nothing when the text is refused, and then `out` holds rubbish.
std::optional<std::size_t> decode_base64(std::string_view text, char* out);

}  // namespace tailrace
