#include "aws/event_stream.h"

#include <zlib.h>

#include <cstring>

#include "aws/writer.h"
#include "base/byte_reader.h"
#include "base/check.h"

namespace tailrace::aws {
namespace {

constexpr std::size_t prelude_bytes = 12;
constexpr std::size_t overhead_bytes = prelude_bytes + 4;
constexpr std::size_t headers_bytes_max = 128u << 10;
constexpr std::size_t payload_bytes_max = 24u << 20;
constexpr std::uint8_t string_type = 7;

std::uint32_t crc32_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

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

// Nothing when a value goes beyond the headers' end or has a type that does not exist.
std::optional<std::string> read_header_value(ByteReader& in) {
  auto type = in.be<std::uint8_t>();
  std::size_t size = 0;
  switch (type) {
    case 0:
    case 1:
      size = 0;
      break;
    case 2:
      size = 1;
      break;
    case 3:
      size = 2;
      break;
    case 4:
      size = 4;
      break;
    case 5:
    case 8:
      size = 8;
      break;
    case 6:
    case string_type:
      size = in.be<std::uint16_t>();
      break;
    case 9:
      size = 16;
      break;
    default:
      return std::nullopt;
  }
  std::string_view value = in.bytes(size);
  if (!in.ok()) return std::nullopt;
  return std::string(value);
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
  put_be32(out.data() + begin + 8, crc32_of({out.data() + begin, 8}));
  append_be32(out, crc32_of({out.data() + begin, out.size() - begin}));
}

Result<std::optional<DecodedEvent>> decode_event(std::string_view bytes) {
  if (bytes.size() < prelude_bytes) return std::optional<DecodedEvent>();
  ByteReader prelude(bytes);
  std::size_t total = prelude.be<std::uint32_t>();
  std::size_t headers_bytes = prelude.be<std::uint32_t>();
  if (prelude.be<std::uint32_t>() != crc32_of(bytes.substr(0, 8)))
    return Error{Fault::corrupt, "event message: the checksum of its lengths is wrong"};
  if (headers_bytes > headers_bytes_max || total < overhead_bytes + headers_bytes ||
      total - overhead_bytes - headers_bytes > payload_bytes_max)
    return Error{Fault::corrupt, "event message: lengths " + std::to_string(total) + " and " +
                                     std::to_string(headers_bytes) + " cannot be"};
  if (bytes.size() < total) return std::optional<DecodedEvent>();
  ByteReader checksum(bytes.substr(total - 4, 4));
  if (checksum.be<std::uint32_t>() != crc32_of(bytes.substr(0, total - 4)))
    return Error{Fault::corrupt, "event message: its checksum is wrong"};

  DecodedEvent decoded;
  decoded.bytes = total;
  ByteReader headers(bytes.substr(prelude_bytes, headers_bytes));
  while (!headers.at_end()) {
    std::string name(headers.bytes(headers.be<std::uint8_t>()));
    auto value = read_header_value(headers);
    if (!value) return Error{Fault::corrupt, "event message: a header is cut off or of no type"};
    decoded.message.headers.emplace_back(std::move(name), std::move(*value));
  }
  decoded.message.payload =
      bytes.substr(prelude_bytes + headers_bytes, total - overhead_bytes - headers_bytes);
  return std::optional<DecodedEvent>(std::move(decoded));
}

}  // namespace tailrace::aws
