#include "base/json_text.h"

#include <array>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tailrace {
namespace {

bool must_escape(unsigned char byte) { return byte < 0x20 || byte == '"' || byte == '\\'; }

// How many bytes from the start need no escape.
std::size_t plain_prefix(const char* text, std::size_t size) {
  std::size_t at = 0;
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
  const __m128i control_max = _mm_set1_epi8(0x1f);
  for (; at + 16 <= size; at += 16) {
    __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + at));
    __m128i control = _mm_cmpeq_epi8(_mm_max_epu8(bytes, control_max), control_max);
    __m128i special = _mm_or_si128(
        control, _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
    if (int mask = _mm_movemask_epi8(special); mask != 0)
      return at + static_cast<std::size_t>(__builtin_ctz(static_cast<unsigned>(mask)));
  }
#endif
  while (at < size && !must_escape(static_cast<unsigned char>(text[at]))) ++at;
  return at;
}

void append_escape(Buffer& out, unsigned char byte) {
  switch (byte) {
    case '"':
      return out.append("\\\"");
    case '\\':
      return out.append("\\\\");
    case '\n':
      return out.append("\\n");
    case '\r':
      return out.append("\\r");
    case '\t':
      return out.append("\\t");
    case '\b':
      return out.append("\\b");
    case '\f':
      return out.append("\\f");
    default:
      break;
  }
  static constexpr char digits[] = "0123456789abcdef";
  const char text[] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
  out.append({text, sizeof text});
}

}  // namespace

void append_json_string(Buffer& out, std::string_view text) {
  out.append('"');
  for (;;) {
    std::size_t plain = plain_prefix(text.data(), text.size());
    out.append(text.substr(0, plain));
    if (plain == text.size()) break;
    append_escape(out, static_cast<unsigned char>(text[plain]));
    text.remove_prefix(plain + 1);
  }
  out.append('"');
}

std::string json_string(std::string_view text) {
  Buffer out;
  append_json_string(out, text);
  return std::string(out.view());
}

}  // namespace tailrace
