// The requests of an HTTP/2 connection, from their first frame until the handler has them.

#include <algorithm>

#include "base/ascii_case.h"
#include "http/http2.h"

namespace tailrace::http {

namespace {

constexpr std::size_t field_overhead_bytes = 32;  // RFC 9113, 6.5.2
// Beyond this multiple of what a head may have, it is an attack and not answered.
constexpr std::size_t hopeless_head = 4;
constexpr std::size_t stream_window_bytes = 65535;  // what the protocol starts with
// What a stream costs beyond its fields.
constexpr std::size_t stream_bytes = 1024;
// A promised length alone takes no more memory than this.
constexpr std::size_t body_reserve_max = 1u << 20;

}  // namespace

void Http2::begin(std::int32_t id) {
  auto& stream = *streams_.emplace(id, std::make_unique<Stream>(id, shared_->held)).first->second;
  stream.request.version = 20;
  stream.request.peer = carrier_.peer;
  stream.request.secure = carrier_.secure;
  stream.request.headers.reserve(16);
  late_after(stream, shared_->options.request_seconds_max);
}

bool Http2::add_field(Stream& stream, std::string_view name, std::string_view value) {
  stream.field_bytes += name.size() + value.size() + field_overhead_bytes;
  ++stream.fields;
  auto bytes_max = shared_->options.header_bytes_max;
  if (stream.field_bytes > bytes_max || stream.fields > fields_max)
    return stream.field_bytes <= hopeless_head * bytes_max;
  // Trailers are counted and dropped.
  if (stream.head_complete) return true;

  auto& request = stream.request;
  if (name == ":method") {
    request.method = std::string(value);
  } else if (name == ":path") {
    request.target = std::string(value);
  } else if (name == ":authority") {
    request.authority = std::string(value);
  } else if (!name.starts_with(':')) {
    request.headers.emplace_back(name, value);
  }
  return true;
}

void Http2::head_complete(Stream& stream) {
  stream.head_complete = true;
  stream.is_head = stream.request.method == "HEAD";
  if (auto refusal = refuse(stream)) return answer_with(stream, *refusal);
  if (stream.request_complete) return;
  if (stream.length.value_or(0) > shared_->options.body_bytes_max) {
    stream.oversize = true;
    return request_complete(stream);
  }
  await_body(stream);
}

std::optional<Refusal> Http2::refuse(Stream& stream) {
  auto& request = stream.request;
  const auto& options = shared_->options;
  if (stream.field_bytes > options.header_bytes_max) return Refusal{431, "head too long"};
  if (stream.fields > fields_max) return Refusal{431, "too many headers"};
  if (!stream.hold.grow(stream_bytes + stream.field_bytes))
    return Refusal{503, "too many requests at once"};

  if (!method_known(request.method)) return Refusal{400, "unknown method"};
  if (auto refusal = refuse_target(request.target)) return refusal;
  auto target = parse_target(request.target);
  if (!target) return Refusal{400, "bad escape in target"};
  request.path = std::move(target->path);
  request.query = std::move(target->query);

  auto host = request.header("host");
  if (request.authority.empty()) request.authority = std::string(host);
  if (request.authority.empty()) return Refusal{400, "host is missing"};
  if (!host.empty() && host != request.authority)
    return Refusal{400, "host differs from :authority"};
  if (!authority_valid(request.authority)) return Refusal{400, "bad host"};
  if (!options.hosts_allowed.empty() && !host_allowed(request.authority, options.hosts_allowed))
    return Refusal{403, "this Host is not served"};

  if (auto length = request.header("content-length"); !length.empty()) {
    stream.length = parse_length(length);
    if (!stream.length) return Refusal{400, "bad content-length"};
  }
  if (auto expected = request.header("expect"); !expected.empty()) {
    if (!equal_ignoring_case(expected, "100-continue")) return Refusal{417, "unknown expectation"};
    stream.expects_continue = true;
  }
  return std::nullopt;
}

void Http2::await_body(Stream& stream) {
  if (stream.expects_continue) {
    const nghttp2_nv interim = {
        const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(":status")),
        const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>("100")), 7, 3,
        NGHTTP2_NV_FLAG_NONE};
    nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, stream.id, nullptr, &interim, 1,
                           nullptr);
  }
  if (stream.length.value_or(SIZE_MAX) <= stream_window_bytes) return;
  // Not late until its window is open.
  not_late(stream);
  waiting_.push_back(stream.id);
  admit_bodies();
}

void Http2::admit_bodies() {
  const auto& options = shared_->options;
  while (!waiting_.empty()) {
    auto* stream = find(waiting_.front());
    if (stream && !stream->handed_out) {
      // Of an unknown length one byte too many is let in, to see that it is too long.
      auto bytes = stream->length.value_or(options.body_bytes_max + 1);
      if (admitted_bytes_ > 0 && admitted_bytes_ + bytes > 2 * options.body_bytes_max) return;
      admitted_bytes_ += bytes;
      stream->admitted_bytes = bytes;
      // Not for those that wait: a promise costs its peer nothing.
      stream->request.body.reserve(
          std::min<std::size_t>(stream->length.value_or(0), body_reserve_max));
      nghttp2_session_set_local_window_size(
          session_.get(), NGHTTP2_FLAG_NONE, stream->id,
          static_cast<std::int32_t>(std::max(bytes, stream_window_bytes)));
      late_after(*stream, options.request_seconds_max);
    }
    waiting_.pop_front();
  }
}

void Http2::give_room_back(Stream& stream) {
  admitted_bytes_ -= std::exchange(stream.admitted_bytes, 0);
  admit_bodies();
}

void Http2::add_body(Stream& stream, std::string_view bytes) {
  if (stream.handed_out) return;
  auto& body = stream.request.body;
  if (body.size() + bytes.size() > shared_->options.body_bytes_max) {
    stream.oversize = true;
    return request_complete(stream);
  }
  if (!stream.hold.grow(bytes.size()))
    return answer_with(stream, {503, "too many large requests at once"});
  body += bytes;
}

void Http2::request_complete(Stream& stream) {
  if (stream.handed_out) return;
  if (stream.oversize && !shared_->options.oversize)
    return answer_with(stream, {413, "body too large"});
  stream.handed_out = true;
  not_late(stream);
  give_room_back(stream);
  to_hand_out_.push_back(stream.id);
}

void Http2::answer_with(Stream& stream, Refusal refusal) {
  stream.refusal = refusal;
  stream.oversize = false;
  stream.handed_out = true;
  give_room_back(stream);
  to_hand_out_.push_back(stream.id);
}

void Http2::hand_out_request(Stream& stream) {
  if (stream.refusal) {
    stream.request = {};
    late_after(stream, shared_->options.idle_seconds_max);
    return say(stream, own_answer(stream.refusal->status, stream.refusal->why));
  }
  if (stream.oversize) stream.request.body = {};
  const Handler& handler = stream.oversize ? shared_->options.oversize : shared_->handler;
  stream.exchange = hand_out(shared_, carrier_, static_cast<std::uint32_t>(stream.id), handler,
                             std::move(stream.request));
  answer_on(stream);
}

}  // namespace tailrace::http
