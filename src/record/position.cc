#include "record/position.h"

#include "base/buffer.h"
#include "base/byte_reader.h"

namespace tailrace {

std::string encode(const Position& position) {
  Buffer out;
  out.append_le(position.generation.system_id);
  out.append_le(position.generation.timeline);
  out.append_le(position.generation.slot_point.value);
  out.append_le(position.end.value);
  out.append_le(position.commit.value);
  out.append_le(position.ordinal);
  return std::string(out.view());
}

std::optional<Position> decode_position(std::string_view bytes) {
  ByteReader in(bytes);
  Position position;
  position.generation.system_id = in.le<std::uint64_t>();
  position.generation.timeline = in.le<std::uint32_t>();
  position.generation.slot_point.value = in.le<std::uint64_t>();
  position.end.value = in.le<std::uint64_t>();
  position.commit.value = in.le<std::uint64_t>();
  position.ordinal = in.le<std::uint64_t>();
  if (!in.ok() || !in.at_end()) return std::nullopt;
  return position;
}

}  // namespace tailrace
