#include "pg/server_error.h"

#include <libpq-fe.h>

#include <algorithm>
#include <cctype>

#include "base/byte_reader.h"
#include "pg/connection.h"

namespace tailrace::pg {
namespace {

std::string field(const pg_result* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? "" : text;
}

bool is_sqlstate(std::string_view text) {
  return text.size() == 5 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isdigit(c) || std::isupper(c);
         });
}

// Where "FATAL:  28P01: text" has its code, whatever the language of the first word.
std::size_t find_sqlstate(std::string_view text) {
  for (auto at = text.rfind(":  "); at != std::string_view::npos && at > 0;
       at = text.rfind(":  ", at - 1))
    if (is_sqlstate(text.substr(at + 3, 5)) && text.substr(at + 8, 2) == ": ") return at + 3;
  return std::string_view::npos;
}

// libpq gives several lines; PostgreSQL's source location is of no use to a reader.
std::string as_one_line(std::string_view text) {
  std::string line;
  while (!text.empty()) {
    auto end = std::min(text.find('\n'), text.size());
    std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!part.empty() && (part.front() == ' ' || part.front() == '\t')) part.remove_prefix(1);
    if (part.empty() || part.starts_with("LOCATION:")) continue;
    if (!line.empty()) line += "; ";
    line += part;
  }
  return line;
}

// Failures that libpq finds itself have no SQLSTATE. Its texts are not translated: this program
// never calls setlocale().
Fault fault_of_libpq_text(std::string_view text) {
  auto says = [&](std::string_view part) { return text.find(part) != std::string_view::npos; };
  if (says("certificate") || says("SSL was required") || says("SSL error") ||
      says("no password supplied") || says("authentication") || says("SCRAM") ||
      says("channel binding"))
    return Fault::denied;
  if (text.starts_with("invalid ") || says("invalid port number") || says("could not match") ||
      says("value is not") || says("definition of service"))
    return Fault::invalid;
  return Fault::unavailable;
}

}  // namespace

std::string ServerMessage::text() const {
  std::string line = message;
  for (const std::string* more : {&detail, &hint})
    if (!more->empty()) line += "; " + *more;
  if (!sqlstate.empty()) line += " (SQLSTATE " + sqlstate + ")";
  return line;
}

Error ServerMessage::error() const { return {fault_of_sqlstate(sqlstate), text()}; }

ServerMessage read_server_message(std::string_view body) {
  ServerMessage message;
  ByteReader bytes(body);
  while (char code = static_cast<char>(bytes.be<std::uint8_t>())) {
    std::string_view text = bytes.c_string();
    switch (code) {
      case 'C':
        message.sqlstate = text;
        break;
      case 'M':
        message.message = text;
        break;
      case 'D':
        message.detail = text;
        break;
      case 'H':
        message.hint = text;
        break;
      default:
        break;
    }
  }
  return message;
}

ServerMessage server_message_of(const pg_result* result) {
  ServerMessage message{field(result, PG_DIAG_SQLSTATE), field(result, PG_DIAG_MESSAGE_PRIMARY),
                        field(result, PG_DIAG_MESSAGE_DETAIL), field(result, PG_DIAG_MESSAGE_HINT)};
  if (message.message.empty()) message.message = as_one_line(PQresultErrorMessage(result));
  return message;
}

Error connect_error(std::string_view libpq_text) {
  std::string line = as_one_line(libpq_text);
  auto at = find_sqlstate(line);
  if (at == std::string::npos) return {fault_of_libpq_text(line), line};
  std::string sqlstate = line.substr(at, 5);
  line.erase(at, 7);
  return {fault_of_sqlstate(sqlstate), line + " (SQLSTATE " + sqlstate + ")"};
}

Fault fault_of_sqlstate(std::string_view sqlstate) {
  auto is = [&](auto... codes) { return ((sqlstate == codes) || ...); };
  auto in_class = [&](auto... classes) { return (sqlstate.starts_with(classes) || ...); };

  // A cancelled statement: by us, or by a timeout that somebody set on the server.
  if (is("57014")) return Fault::timeout;
  // Shutdown, start-up, lost connections, too few resources, locks, lost races, standby conflicts.
  if (in_class("08", "57P", "53", "40", "25P0", "58") && !is("58P01", "58P02"))
    return Fault::unavailable;
  if (is("55P03")) return Fault::unavailable;
  if (in_class("28") || is("42501")) return Fault::denied;
  if (is("3D000", "3F000", "42704", "42P01", "42703", "42883", "58P01")) return Fault::not_found;
  // In use, in the wrong state, there already.
  if (in_class("55", "23") || is("42710", "42P04", "42P06", "42P07", "58P02"))
    return Fault::conflict;
  if (is("XX001", "XX002")) return Fault::corrupt;
  if (in_class("XX") || sqlstate.empty()) return Fault::internal;
  return Fault::invalid;
}

}  // namespace tailrace::pg
