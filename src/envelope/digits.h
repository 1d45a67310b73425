#pragma once

#include <cstdint>

#include "base/buffer.h"
#include "record/lsn.h"

namespace tailrace::envelope {

void append_decimal(Buffer& out, std::uint64_t number);
void append_decimal(Buffer& out, std::int64_t number);
// Lower case, without leading zeros.
void append_hex(Buffer& out, std::uint64_t number);
// As PostgreSQL prints it: "16/B374D848".
void append_lsn(Buffer& out, Lsn lsn);
// As DMS prints it, each half with eight digits: "00000016/B374D848".
void append_wide_lsn(Buffer& out, Lsn lsn);

// Several pieces with one look at the room that is left.
template <typename... Pieces>
void append_all(Buffer& out, const Pieces&... pieces) {
  char* to = out.room((pieces.size() + ...));
  std::size_t size = 0;
  ((std::memcpy(to + size, pieces.data(), pieces.size()), size += pieces.size()), ...);
  out.wrote(size);
}

}  // namespace tailrace::envelope
