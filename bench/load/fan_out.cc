#include "load/fan_out.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <system_error>

namespace tailrace::load {
namespace {

// Leads each payload; the clock's nanoseconds and padding follow.
constexpr std::string_view stamp_mark = "sent";
constexpr std::size_t stamp_digits = 20;
// What the slowest server may take for its last record.
constexpr std::chrono::seconds patience{10};

std::string stamped(Clock::time_point sent, std::size_t bytes) {
  std::string digits = std::to_string(sent.time_since_epoch() / std::chrono::nanoseconds(1));
  std::string payload(stamp_mark);
  payload.append(stamp_digits - digits.size(), '0');
  payload += digits;
  payload.append(std::max(bytes, payload.size()) - payload.size(), '.');
  return payload;
}

Clock::time_point stamp_of(std::string_view payload) {
  std::int64_t nanoseconds = 0;
  if (payload.size() >= stamp_mark.size() + stamp_digits && payload.starts_with(stamp_mark)) {
    const char* begin = payload.data() + stamp_mark.size();
    std::from_chars(begin, begin + stamp_digits, nanoseconds);
  }
  if (nanoseconds == 0)
    throw std::runtime_error("not a record of ours: " + std::string(payload.substr(0, 100)));
  return Clock::time_point(std::chrono::nanoseconds(nanoseconds));
}

void wait_for(std::array<pollfd, 2>& sockets, Clock::duration left) {
  auto nanoseconds = std::max<std::int64_t>(0, left / std::chrono::nanoseconds(1));
  timespec limit{.tv_sec = nanoseconds / 1'000'000'000, .tv_nsec = nanoseconds % 1'000'000'000};
  if (::ppoll(sockets.data(), sockets.size(), &limit, nullptr) < 0 && errno != EINTR)
    throw std::system_error(errno, std::generic_category(), "poll");
}

}  // namespace

FanOut measure_fan_out(Writer& writer, Reader& reader, Pace pace, std::size_t bytes) {
  FanOut result;
  auto start = Clock::now(), begin = start + pace.warm_up, end = begin + pace.measure;
  auto interval = std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(1 / pace.per_second));
  std::size_t written = 0, read = 0;
  bool in_flight = false;
  auto sent = start, due = start;
  std::array<pollfd, 2> sockets{{{writer.fd(), POLLIN, 0}, {reader.fd(), POLLIN, 0}}};

  while (true) {
    auto now = Clock::now();
    if (now >= end && !in_flight && read == written) return result;
    if (now >= end + patience)
      throw std::runtime_error(std::to_string(written - read) + " of " + std::to_string(written) +
                               " records did not arrive");
    if (now < end && now >= due && !in_flight) {
      sent = now;
      writer.put(stamped(sent, bytes));
      ++written;
      in_flight = true;
      due = sent + interval;
    }
    wait_for(sockets, (now >= end ? end + patience : in_flight ? end : std::min(due, end)) - now);
    if (sockets[1].revents != 0)
      reader.read([&](std::string_view payload) {
        auto stamp = stamp_of(payload);
        if (stamp >= begin) result.arrived.add(Clock::now() - stamp);
        ++read;
      });
    if (sockets[0].revents != 0 && writer.acknowledged()) {
      if (sent >= begin) result.acknowledged.add(Clock::now() - sent);
      in_flight = false;
    }
  }
}

}  // namespace tailrace::load
