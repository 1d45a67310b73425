#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "aws/error.h"
#include "aws/kinesis/control.h"
#include "stream/stream_spec.h"

namespace tailrace::aws::kinesis {

// Whether a stream of that mode may be given a warm throughput: on-demand ones of an account with
// the throughput commitment, up to 10 GiB/s, as on AWS. A ValidationException else. Waits for the
// disk.
std::optional<Failure> refuse_warm_throughput(const Control& control, const std::string& stream,
                                              stream::Mode mode, std::int64_t mibps);

// The account's promise to pay for a least throughput, which AWS asks for before it lets a stream
// be warmed up. Here it costs nothing; it is kept and reported.
struct Commitment {
  std::int64_t started_ms = 0;               // 0: never
  std::optional<std::int64_t> end_asked_ms;  // when it was asked to end

  // It holds for a day at least.
  std::int64_t earliest_end_ms() const { return started_ms + 86'400'000; }
  std::optional<std::int64_t> end_ms() const {
    if (!end_asked_ms) return std::nullopt;
    return std::max(*end_asked_ms, earliest_end_ms());
  }
  bool holds_at(std::int64_t now_ms) const {
    return started_ms != 0 && (!end_asked_ms || now_ms < *end_ms());
  }
};
// Both wait for the disk.
Result<Commitment> read_commitment(const Control& control);
Result<void> keep_commitment(const Control& control, const Commitment& commitment);

}  // namespace tailrace::aws::kinesis
