#pragma once

#include <cstdint>
#include <string_view>

#include "base/buffer.h"
#include "envelope/envelope.h"
#include "record/change.h"

namespace tailrace::envelope {

// What a value's text becomes in JSON.
enum class ValueForm : std::uint8_t {
  string,           // the text as it is
  number,           // its digits
  boolean,          // true, false
  boolean_string,   // "true", "false"
  timestamp_utc,    // "2026-01-31T10:00:00.5Z", of a timestamp with or without zone
  timestamp_local,  // "2026-01-31T10:00:00.5"
  hex,              // "0x6869"
  base64,           // "aGk="
  json,             // the JSON value itself
  epoch_days,       // days since 1970-01-01
  epoch_micros,     // microseconds since 1970-01-01 00:00
  micros_of_day,    // microseconds since midnight
  time_utc,         // "04:30:00.5Z"
};

ValueForm form_of(Format format, ValueKind kind);

// A text that does not fit the form (NaN, infinity, 0044-03-15 BC) becomes a JSON string of itself.
void append_value(Buffer& out, ValueForm form, std::string_view text);

}  // namespace tailrace::envelope
