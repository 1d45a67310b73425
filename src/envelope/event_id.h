#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "envelope/envelope.h"

namespace tailrace::envelope {

// What all event ids of a source begin with: "<system id>-<timeline>-<slot point>-".
std::string event_id_prefix(const Generation& generation);

void append_event_id(Buffer& out, std::string_view prefix, std::uint32_t table_oid,
                     const Change& change, const Context& context);
// Of the message that ends a table's load.
void append_load_complete_id(Buffer& out, std::string_view prefix, std::uint32_t table_oid,
                             Lsn snapshot);

}  // namespace tailrace::envelope
