#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/head_rules.h"
#include "http/session.h"

namespace tailrace::http {

// One request on an HTTP/2 connection and its answer.
struct Http2Stream {
  Http2Stream(std::int32_t number, Budget& budget) : id(number), hold(budget) {}

  const std::int32_t id;
  Hold hold;
  Instant deadline = never;

  // The request.
  Request request;
  std::size_t field_bytes = 0;
  std::size_t fields = 0;
  std::optional<std::uint64_t> length;  // as promised
  std::size_t admitted_bytes = 0;       // of body, counted in the connection's room for bodies
  bool head_complete = false;
  bool expects_continue = false;
  bool oversize = false;
  bool is_head = false;
  bool request_complete = false;  // the peer sends no more of it
  bool handed_out = false;        // or answered by the server itself
  std::optional<Refusal> refusal;

  // The answer.
  std::shared_ptr<Exchange> exchange;
  std::shared_ptr<const std::string> whole_body;
  std::optional<Exchange::Chunk> chunk;
  std::string_view unsent;  // the rest of whole_body or chunk
  bool started = false;
  bool end = false;       // nothing comes after `unsent`
  bool answered = false;  // the end is on its way
};

}  // namespace tailrace::http
