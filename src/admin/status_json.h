#pragma once

#include <nlohmann/json_fwd.hpp>

#include "admin/admin.h"

namespace tailrace::admin {

// The objects of docs/admin-api.md.
nlohmann::ordered_json to_json(const capture::TaskStatus& task);
nlohmann::ordered_json to_json(stream::Stream& stream);
nlohmann::ordered_json to_json(const function::Functions::Status& function);
nlohmann::ordered_json to_json(const delivery::Deliveries::Status& trigger);
nlohmann::ordered_json to_json(const delivery::Parked& parked);

// Arrays of all there are, those that could not be brought to run among them.
nlohmann::ordered_json tasks_json(Parts& parts);
nlohmann::ordered_json streams_json(Parts& parts);
nlohmann::ordered_json functions_json(Parts& parts);
nlohmann::ordered_json triggers_json(Parts& parts);

}  // namespace tailrace::admin
