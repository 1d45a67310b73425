#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "aws/value.h"

namespace tailrace::aws {

// Writes an answer in the codec of its request, value after value. Inside a map each value follows
// its key(). What is written goes to the end of the string that the writer was made for.
class Writer {
 public:
  virtual ~Writer() = default;

  virtual void begin_map() = 0;
  virtual void end_map() = 0;
  virtual void begin_list() = 0;
  virtual void end_list() = 0;
  virtual void key(std::string_view name) = 0;

  // UTF-8. What is not becomes U+FFFD in JSON and CBOR alike, so that a client can always read it.
  virtual void text(std::string_view text) = 0;
  virtual void integer(std::int64_t number) = 0;
  virtual void boolean(bool flag) = 0;
  // Base64 in JSON, a byte string in CBOR.
  virtual void blob(std::string_view bytes) = 0;
  // Seconds with milliseconds in JSON (1459799926.480), tag 1 with an integer of milliseconds in
  // CBOR, which is what AWS's clients expect of it and not what RFC 8949 says.
  virtual void timestamp(std::int64_t epoch_millis) = 0;

  // A member and its value.
  void text(std::string_view name, std::string_view value);
  void integer(std::string_view name, std::int64_t value);
  void boolean(std::string_view name, bool value);
  void blob(std::string_view name, std::string_view value);
  void timestamp(std::string_view name, std::int64_t epoch_millis);
  void begin_map(std::string_view name);
  void begin_list(std::string_view name);
};

std::unique_ptr<Writer> make_writer(Codec codec, std::string& out);

std::string_view content_type_of(Codec codec);

}  // namespace tailrace::aws
