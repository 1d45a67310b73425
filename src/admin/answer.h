#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/server.h"

namespace tailrace::admin {

// How a failure is answered: the one place that says which status a fault has.
int status_of(Fault fault);

http::Response response_of(const Error& error);

void answer(http::Responder& responder, const nlohmann::ordered_json& body, int status = 200);
void answer(http::Responder& responder, const Error& error);

// JSON text. Texts from elsewhere that are not UTF-8 have U+FFFD for what cannot be read.
std::string text_of(const nlohmann::ordered_json& json);

// A number in the query, `otherwise` when it is not there. Fault::invalid when it is none, or more
// than `max`.
Result<std::uint64_t> number_in(const http::Request& request, const std::string& key,
                                std::uint64_t otherwise, std::uint64_t max);
// "true", "false", or the bare key.
Result<bool> flag_in(const http::Request& request, const std::string& key);
// Null when it is not there.
const std::string* text_in(const http::Request& request, const std::string& key);

}  // namespace tailrace::admin
