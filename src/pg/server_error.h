#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct pg_result;

namespace tailrace::pg {

// What a server says of a failure, as one line: "message; detail; hint (SQLSTATE 42501)".
struct ServerMessage {
  std::string sqlstate, message, detail, hint;
  std::string text() const;
  Error error() const;
};

// The fields of an ErrorResponse or NoticeResponse: a letter and a string each, then a NUL. Fields
// that are missing stay empty.
ServerMessage read_server_message(std::string_view body);
ServerMessage server_message_of(const pg_result* result);

// Failure to connect, from libpq's own text under PQERRORS_VERBOSE, which is the only place where
// it shows the SQLSTATE of a refusal.
Error connect_error(std::string_view libpq_text);

}  // namespace tailrace::pg
