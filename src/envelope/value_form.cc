#include "envelope/value_form.h"

#include <array>

#include "base/base64.h"
#include "base/hex.h"
#include "base/json_text.h"
#include "envelope/digits.h"
#include "envelope/json_syntax.h"
#include "envelope/pg_time.h"

namespace tailrace::envelope {
namespace {

ValueForm dms_form(ValueKind kind) {
  switch (kind) {
    case ValueKind::integer:
    case ValueKind::floating:
    case ValueKind::numeric:
      return ValueForm::number;
    case ValueKind::boolean:
      return ValueForm::boolean_string;
    case ValueKind::bytes:
      return ValueForm::hex;
    case ValueKind::timestamp:
    case ValueKind::timestamptz:
      return ValueForm::timestamp_utc;
    case ValueKind::text:
    case ValueKind::json:
    case ValueKind::date:
    case ValueKind::time:
    case ValueKind::timetz:
    case ValueKind::array:
      return ValueForm::string;
  }
  return ValueForm::string;
}

ValueForm flat_form(ValueKind kind) {
  switch (kind) {
    case ValueKind::integer:
    case ValueKind::floating:
    case ValueKind::numeric:
      return ValueForm::number;
    case ValueKind::boolean:
      return ValueForm::boolean;
    case ValueKind::bytes:
      return ValueForm::base64;
    case ValueKind::json:
      return ValueForm::json;
    case ValueKind::timestamp:
      return ValueForm::timestamp_local;
    case ValueKind::timestamptz:
      return ValueForm::timestamp_utc;
    case ValueKind::text:
    case ValueKind::date:
    case ValueKind::time:
    case ValueKind::timetz:
    case ValueKind::array:
      return ValueForm::string;
  }
  return ValueForm::string;
}

ValueForm debezium_form(ValueKind kind) {
  switch (kind) {
    case ValueKind::integer:
    case ValueKind::floating:
      return ValueForm::number;
    case ValueKind::boolean:
      return ValueForm::boolean;
    case ValueKind::bytes:
      return ValueForm::base64;
    case ValueKind::date:
      return ValueForm::epoch_days;
    case ValueKind::time:
      return ValueForm::micros_of_day;
    case ValueKind::timetz:
      return ValueForm::time_utc;
    case ValueKind::timestamp:
      return ValueForm::epoch_micros;
    case ValueKind::timestamptz:
      return ValueForm::timestamp_utc;
    case ValueKind::numeric:
    case ValueKind::text:
    case ValueKind::json:
    case ValueKind::array:
      return ValueForm::string;
  }
  return ValueForm::string;
}

bool append_timestamp(Buffer& out, std::string_view text, std::string_view zone,
                      std::string_view suffix) {
  auto time = common_timestamp(text, zone);
  if (!time) return false;
  char* to = out.room(time->size() + 3);
  *to = '"';
  std::memcpy(to + 1, time->data(), time->size());
  to[11] = 'T';
  out.wrote(1 + time->size());
  out.append(suffix);
  out.append('"');
  return true;
}

bool append_hex_string(Buffer& out, std::string_view text) {
  if (!text.starts_with("\\x")) return false;
  std::string_view digits = text.substr(2);
  int all = 0;
  for (char digit : digits) all |= hex_value(digit);
  if (all < 0) return false;
  append_all(out, std::string_view("\"0x"), digits, std::string_view("\""));
  return true;
}

bool append_base64_string(Buffer& out, std::string_view text) {
  if (!text.starts_with("\\x") || text.size() % 2 != 0) return false;
  std::string_view digits = text.substr(2);
  std::size_t start = out.size();
  out.append('"');
  // A multiple of three, so that no piece but the last is padded.
  std::array<char, 768> bytes;
  while (!digits.empty()) {
    std::size_t count = std::min(bytes.size(), digits.size() / 2);
    int all = 0;
    for (std::size_t i = 0; i < count; ++i) {
      int high = hex_value(digits[2 * i]), low = hex_value(digits[2 * i + 1]);
      all |= high | low;
      bytes[i] = static_cast<char>((high & 15) << 4 | (low & 15));
    }
    if (all < 0) {
      out.truncate(start);
      return false;
    }
    append_base64(out, {bytes.data(), count});
    digits.remove_prefix(2 * count);
  }
  out.append('"');
  return true;
}

bool append_optional(Buffer& out, std::optional<std::int64_t> number) {
  if (number) append_decimal(out, *number);
  return number.has_value();
}

bool append_time_utc(Buffer& out, std::string_view text) {
  std::size_t start = out.size();
  out.append('"');
  if (!append_utc_time(out, text)) {
    out.truncate(start);
    return false;
  }
  out.append('"');
  return true;
}

bool append_if(Buffer& out, bool fits, std::string_view text) {
  if (fits) out.append(text);
  return fits;
}

// False, and nothing is written, when the text does not fit the form.
bool append_in_form(Buffer& out, ValueForm form, std::string_view text) {
  switch (form) {
    case ValueForm::string:
      return false;
    case ValueForm::number:
      return append_if(out, is_json_number(text), text);
    case ValueForm::json:
      return append_if(out, is_json(text), text);
    case ValueForm::boolean:
      if (text == "t") return append_if(out, true, "true");
      return append_if(out, text == "f", "false");
    case ValueForm::boolean_string:
      if (text == "t") return append_if(out, true, "\"true\"");
      return append_if(out, text == "f", "\"false\"");
    case ValueForm::timestamp_utc:
      return append_timestamp(out, text, text.ends_with("+00") ? "+00" : "", "Z");
    case ValueForm::timestamp_local:
      return append_timestamp(out, text, "", "");
    case ValueForm::hex:
      return append_hex_string(out, text);
    case ValueForm::base64:
      return append_base64_string(out, text);
    case ValueForm::epoch_days:
      return append_optional(out, epoch_days(text));
    case ValueForm::epoch_micros:
      return append_optional(out, epoch_micros(text));
    case ValueForm::micros_of_day:
      return append_optional(out, micros_of_day(text));
    case ValueForm::time_utc:
      return append_time_utc(out, text);
  }
  return false;
}

}  // namespace

ValueForm form_of(Format format, ValueKind kind) {
  switch (format) {
    case Format::dms:
      return dms_form(kind);
    case Format::flat:
    case Format::cloudevents:
      return flat_form(kind);
    case Format::debezium:
      return debezium_form(kind);
  }
  return ValueForm::string;
}

void append_value(Buffer& out, ValueForm form, std::string_view text) {
  if (!append_in_form(out, form, text)) append_json_string(out, text);
}

}  // namespace tailrace::envelope
