#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tailrace::config {

// Values as people write them. Nothing when the text is not of the form, or does not fit.

// "128MiB", "64 KiB", "1GB", "512B", "4096": bytes. K, M, G and T alone are powers of 1024 too.
std::optional<std::uint64_t> parse_size(std::string_view text);

// "3s", "100ms", "24h", "7d", "1h30m": at least one number with its unit, a hundred years at most.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace tailrace::config
