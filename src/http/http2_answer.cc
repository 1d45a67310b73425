// The answers of an HTTP/2 connection: pieces of exchanges become frames, as fast as the peer's
// windows and its socket take them.

#include <algorithm>
#include <array>
#include <cstring>

#include "base/ascii_case.h"
#include "http/answer_head.h"
#include "http/http2.h"

namespace tailrace::http {

namespace {

// What only HTTP/1 says (RFC 9113, 8.2.2).
bool is_of_connection(std::string_view name) {
  static constexpr std::array<std::string_view, 5> names = {
      "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::uint8_t* bytes_of(const std::string& text) {
  return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
}

}  // namespace

void Http2::answer_on(Stream& stream) {
  while (stream.exchange && !stream.chunk && !stream.end && !broken_) {
    auto piece = stream.exchange->take();
    if (!piece) return not_late(stream);
    late_after(stream, shared_->options.idle_seconds_max);
    std::visit([&](auto& known) { say(stream, std::move(known)); }, *piece);
  }
}

void Http2::say(Stream& stream, Exchange::Whole whole) {
  if (whole.body && !stream.hold.grow(whole.body->size()))
    whole = own_answer(503, "too many large answers at once");
  Headers headers;
  bool with_body = status_has_body(whole.status);
  if (with_body) {
    if (!whole.content_type.empty()) headers.emplace_back("content-type", whole.content_type);
    headers.emplace_back("content-length", std::to_string(whole.body ? whole.body->size() : 0));
  }
  headers.insert(headers.end(), std::make_move_iterator(whole.headers.begin()),
                 std::make_move_iterator(whole.headers.end()));
  if (with_body && whole.body && !stream.is_head) {
    stream.whole_body = std::move(whole.body);
    stream.unsent = *stream.whole_body;
  }
  stream.end = true;
  submit_head(stream, whole.status, headers);
}

void Http2::say(Stream& stream, Exchange::Start start) {
  Headers headers = {{"content-type", start.content_type}, {"cache-control", "no-store"}};
  headers.insert(headers.end(), std::make_move_iterator(start.headers.begin()),
                 std::make_move_iterator(start.headers.end()));
  stream.started = true;
  if (stream.is_head) stream.end = true;
  submit_head(stream, start.status, headers);
}

void Http2::say(Stream& stream, Exchange::Chunk chunk) {
  if (chunk.bytes.empty()) return stream.exchange->run(chunk.done, true);
  if (!stream.hold.grow(chunk.bytes.size())) {
    stream.exchange->run(chunk.done, false);
    stream.end = true;
    return reset(stream.id, NGHTTP2_ENHANCE_YOUR_CALM);
  }
  stream.chunk = std::move(chunk);
  stream.unsent = stream.chunk->bytes;
  nghttp2_session_resume_data(session_.get(), stream.id);
}

void Http2::say(Stream& stream, Exchange::End) {
  stream.end = true;
  nghttp2_session_resume_data(session_.get(), stream.id);
}

void Http2::say(Stream& stream, Exchange::Dropped) {
  if (!stream.started) return say(stream, own_answer(500, "no answer"));
  // Cut off without an end, so that the peer does not take it for whole.
  stream.end = true;
  reset(stream.id, NGHTTP2_INTERNAL_ERROR);
}

void Http2::submit_head(Stream& stream, int status, const Headers& headers) {
  Headers fields;
  fields.reserve(headers.size() + 2);
  fields.emplace_back(":status", std::to_string(status));
  fields.emplace_back("date", http_date());
  for (const auto& [name, value] : headers)
    if (auto lower = lower_case(name); !is_of_connection(lower))
      fields.emplace_back(std::move(lower), field_value(value));
  std::vector<nghttp2_nv> pairs;
  pairs.reserve(fields.size());
  for (const auto& [name, value] : fields)
    pairs.push_back(
        {bytes_of(name), bytes_of(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});

  bool ends = stream.end && stream.unsent.empty();
  nghttp2_data_provider provider{};
  provider.read_callback = read_answer;
  if (ends) stream.answered = true;
  if (nghttp2_submit_response(session_.get(), stream.id, pairs.data(), pairs.size(),
                              ends ? nullptr : &provider) != 0)
    return reset(stream.id, NGHTTP2_INTERNAL_ERROR);
  // Streams take turns, rather than one after the other: an endless one would hold up the rest.
  const nghttp2_extpri turns = {NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
  nghttp2_session_change_extpri_stream_priority(session_.get(), stream.id, &turns, 1);
}

ssize_t Http2::read_answer(nghttp2_session*, std::int32_t id, std::uint8_t* into, std::size_t room,
                           std::uint32_t* flags, nghttp2_data_source*, void* user_data) {
  auto& self = *static_cast<Http2*>(user_data);
  auto* stream = self.find(id);
  if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  bool is_end = false;
  auto copied = self.copy_answer(*stream, reinterpret_cast<char*>(into), room, is_end);
  if (!copied) return NGHTTP2_ERR_DEFERRED;
  if (is_end) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(*copied);
}

std::optional<std::size_t> Http2::copy_answer(Stream& stream, char* into, std::size_t room,
                                              bool& is_end) {
  auto count = std::min(room, stream.unsent.size());
  std::memcpy(into, stream.unsent.data(), count);
  stream.unsent.remove_prefix(count);
  // A peer that takes bytes is slow, not stuck.
  if (count > 0) late_after(stream, shared_->options.idle_seconds_max);
  if (stream.unsent.empty() && stream.chunk) {
    taken_.push_back(
        {stream.id, stream.chunk->bytes.size(), stream.exchange, std::move(stream.chunk->done)});
    stream.chunk.reset();
  } else if (stream.unsent.empty() && stream.end) {
    is_end = stream.answered = true;
  } else if (count == 0) {
    return std::nullopt;
  }
  return count;
}

}  // namespace tailrace::http
