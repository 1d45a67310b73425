#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/result.h"
#include "capture/append.h"
#include "capture/aside.h"
#include "capture/progress.h"
#include "stream/stream.h"

namespace tailrace::capture {

// Moves what was kept aside during a load into the stream, in order and exactly once: the stream's
// position says how far an earlier run came. One thread at a time.
class Drain {
 public:
  // `from`: the task's position in the stream. `loads` and `waiting` as in ChangeWriter::set_loads.
  Drain(const std::string& task, Aside& aside, stream::Stream& stream, Position from,
        std::map<std::uint32_t, LoadMark> loads, std::set<std::uint32_t> waiting);

  // Moves up to about a mebibyte, when the stream's log has room for it. False: nothing durable is
  // left aside.
  Result<bool> step(const AppendHooks& hooks);
  // Everything moved so far is durable in the stream.
  Result<void> wait_durable(std::chrono::milliseconds patience);

  std::uint64_t records_left() const;
  const Position& position() const { return position_; }

 private:
  bool wanted(const Aside::Header& header) const;
  Result<void> flush(const AppendHooks& hooks);

  std::string task_;
  Aside& aside_;
  stream::Stream& stream_;
  Position position_;
  std::map<std::uint32_t, LoadMark> loads_;
  std::set<std::uint32_t> waiting_;
  Offset next_;
  stream::Batch batch_;
  bool moved_ = false;
  log::StreamLog::Ticket ticket_ = 0;
};

}  // namespace tailrace::capture
