#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "capture/task.h"
#include "delivery/deliveries.h"
#include "function/functions.h"
#include "stream/stream_spec.h"

namespace tailrace::catalog {

// Specs as the catalogue stores them: JSON objects. Reading gives a missing field its default, so
// that an older file can be read, ignores fields it does not know, and is strict about types: a
// wrong one is Fault::invalid and named. 64-bit and 128-bit numbers are decimal strings, since many
// readers of JSON keep only 53 bits.
std::string to_json(const stream::StreamSpec& spec);
std::string to_json(const capture::TaskSpec& spec);
std::string to_json(const function::FunctionSpec& spec);
std::string to_json(const delivery::TriggerSpec& spec);

Result<void> from_json(std::string_view text, stream::StreamSpec& spec);
Result<void> from_json(std::string_view text, capture::TaskSpec& spec);
Result<void> from_json(std::string_view text, function::FunctionSpec& spec);
Result<void> from_json(std::string_view text, delivery::TriggerSpec& spec);

std::string_view name_of(log::Sync sync);

// The names of the fields in which two specs of one kind differ. Never their values: a source's URI
// and a function's environment hold secrets.
std::vector<std::string> changed_fields(std::string_view before, std::string_view after);

}  // namespace tailrace::catalog
