#include "aws/event_stream.h"

#include <zlib.h>

#include <cstring>

#include "aws/writer.h"
#include "base/check.h"

namespace tailrace::aws {
namespace {

constexpr std::size_t prelude_bytes = 12;
constexpr std::uint8_t string_type = 7;

void put_be32(char* to, std::size_t value) {
  auto big_endian = __builtin_bswap32(static_cast<std::uint32_t>(value));
  std::memcpy(to, &big_endian, sizeof big_endian);
}

void append_be32(std::string& out, std::size_t value) {
  char bytes[4];
  put_be32(bytes, value);
  out.append(bytes, sizeof bytes);
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  TAILRACE_CHECK(name.size() <= 0xff && value.size() <= 0xffff);
  out += static_cast<char>(name.size());
  out += name;
  out += static_cast<char>(string_type);
  out += static_cast<char>(value.size() >> 8);
  out += static_cast<char>(value.size() & 0xff);
  out += value;
}

// Clients show the type of the payload and do not check it; for JSON AWS names the plain one.
std::string_view payload_type(Codec codec) {
  return codec == Codec::json ? "application/json" : content_type_of(codec);
}

std::size_t begin_frame(std::string& out, Codec codec, std::string_view message_type,
                        std::string_view type_header, std::string_view type) {
  std::size_t begin = out.size();
  out.append(prelude_bytes, '\0');
  append_header(out, ":message-type", message_type);
  append_header(out, type_header, type);
  append_header(out, ":content-type", payload_type(codec));
  put_be32(out.data() + begin + 4, out.size() - begin - prelude_bytes);
  return begin;
}

}  // namespace

std::string initial_response_frame(Codec codec) {
  std::string out;
  std::size_t begin = begin_event_frame(out, codec, "initial-response");
  auto writer = make_writer(codec, out);
  writer->begin_map();
  writer->end_map();
  end_event_frame(out, begin);
  return out;
}

std::string exception_frame(Codec codec, const Failure& failure) {
  std::string out;
  std::size_t begin = begin_frame(out, codec, "exception", ":exception-type", failure.type);
  auto writer = make_writer(codec, out);
  writer->begin_map();
  writer->text("message", failure.message);
  writer->end_map();
  end_event_frame(out, begin);
  return out;
}

std::size_t begin_event_frame(std::string& out, Codec codec, std::string_view event_type) {
  return begin_frame(out, codec, "event", ":event-type", event_type);
}

void end_event_frame(std::string& out, std::size_t begin) {
  put_be32(out.data() + begin, out.size() - begin + 4);
  put_be32(out.data() + begin + 8, event_checksum({out.data() + begin, 8}));
  append_be32(out, event_checksum({out.data() + begin, out.size() - begin}));
}

std::uint32_t event_checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace tailrace::aws
