#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "cli/admin_client.h"

namespace tailrace::cli {

// The event that a function gets for a stream's newest record, made of what the admin API tells of
// it; region and account are the defaults. Fault::not_found: no record is there.
Result<std::string> event_of_newest_record(AdminClient& client, const std::string& stream);

// A record as the admin API tells of it (docs/admin-api.md), as a Lambda event of Kinesis.
nlohmann::ordered_json kinesis_event(const nlohmann::json& record, const std::string& stream);

}  // namespace tailrace::cli
