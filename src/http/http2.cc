#include "http/http2.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"

namespace tailrace::http {

namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

// Held up by nothing but the socket: bodies are bounded by the windows of their streams.
constexpr std::int32_t connection_window_bytes = 16 << 20;
// Frames that wait to be written; a peer that reads nothing is not read either.
constexpr std::size_t outbound_frames_max = 10'000;
// As much as one write of the system takes in one go.
constexpr std::size_t output_bytes = 64u << 10;
// What honest peers give back at once is a good part of a window.
constexpr std::int32_t window_update_bytes_min = 1024;

constexpr double empty_frames_burst = 2000;
constexpr double empty_frames_per_second = 50;
constexpr double lost_streams_per_second = 100;

std::string_view text_of(const std::uint8_t* bytes, std::size_t length) {
  return {reinterpret_cast<const char*>(bytes), length};
}

}  // namespace

// nghttp2 speaks C: each of these finds the object and the stream again.
struct Http2::Callbacks {
  static Http2& self(void* user_data) { return *static_cast<Http2*>(user_data); }

  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* header, void* user_data) {
    self(user_data).note_frame(*header);
    return 0;
  }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) self(user_data).begin(frame->hd.stream_id);
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_length, const std::uint8_t* value, std::size_t value_length,
                       std::uint8_t, void* user_data) {
    auto& http2 = self(user_data);
    auto* stream = http2.find(frame->hd.stream_id);
    if (!stream) return 0;
    return http2.add_field(*stream, text_of(name, name_length), text_of(value, value_length))
               ? 0
               : NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int on_invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*,
                               std::size_t, const std::uint8_t*, std::size_t, std::uint8_t, void*) {
    // Resets the stream; without this the field would be skipped.
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    auto& http2 = self(user_data);
    if (frame->hd.type == NGHTTP2_WINDOW_UPDATE &&
        frame->window_update.window_size_increment < window_update_bytes_min)
      http2.spend(http2.empty_frames_);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    auto* stream = http2.find(frame->hd.stream_id);
    if (!stream) return 0;
    bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (ends) stream->request_complete = true;
    if (!stream->head_complete) http2.head_complete(*stream);
    if (ends) http2.request_complete(*stream);
    return 0;
  }

  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                     std::size_t length, void* user_data) {
    auto& http2 = self(user_data);
    if (nghttp2_session_consume_connection(http2.session_.get(), length) != 0)
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (auto* stream = http2.find(id)) http2.add_body(*stream, text_of(bytes, length));
    return 0;
  }

  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* user_data) {
    self(user_data).close(id);
    return 0;
  }

  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
    auto& http2 = self(user_data);
    auto* stream = http2.find(frame->hd.stream_id);
    // Answered before its end: the peer need not send the rest (RFC 9113, 8.1).
    if (stream && !stream->request_complete) http2.reset(stream->id, NGHTTP2_NO_ERROR);
    return 0;
  }

  static nghttp2_session* make_session(Http2* http2, std::size_t streams_max) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_option* option = nullptr;
    nghttp2_session* session = nullptr;
    TAILRACE_CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
    TAILRACE_CHECK(nghttp2_option_new(&option) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    // A consumer that stops resets all its streams at once.
    nghttp2_option_set_stream_reset_rate_limit(option, 2 * streams_max,
                                               static_cast<std::uint64_t>(lost_streams_per_second));
    int made = nghttp2_session_server_new2(&session, callbacks, http2, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    TAILRACE_CHECK(made == 0);
    return session;
  }
};

Http2::Http2(std::shared_ptr<Shared> shared, Carrier carrier)
    : shared_(std::move(shared)),
      carrier_(std::move(carrier)),
      session_(Callbacks::make_session(this, shared_->options.streams_max)),
      empty_frames_(empty_frames_burst, empty_frames_per_second),
      lost_streams_(2 * static_cast<double>(shared_->options.streams_max), lost_streams_per_second),
      heard_at_(steady_clock::now()),
      written_at_(heard_at_) {
  deadline_ = heard_at_ + seconds(shared_->options.idle_seconds_max);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
       static_cast<std::uint32_t>(shared_->options.streams_max)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
       static_cast<std::uint32_t>(shared_->options.header_bytes_max)},
      // The old priorities make a tree that a peer can shape at our cost.
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  };
  TAILRACE_CHECK(nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings,
                                         std::size(settings)) == 0);
  TAILRACE_CHECK(nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0,
                                                       connection_window_bytes) == 0);
}

Http2::~Http2() = default;

void Http2::receive(std::string_view bytes) {
  if (broken_) return;
  heard_at_ = steady_clock::now();
  auto used = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  // What the peer does wrong nghttp2 answers itself, with GOAWAY; this is beyond answering.
  if (used < 0) broken_ = true;
  settle();
}

bool Http2::wants_more() const {
  return nghttp2_session_get_outbound_queue_size(session_.get()) < outbound_frames_max;
}

void Http2::peer_closed() { broken_ = true; }

void Http2::wake(std::uint32_t id) {
  if (auto* stream = find(static_cast<std::int32_t>(id))) answer_on(*stream);
}

Output Http2::output() {
  while (!broken_ && out_.size() < output_bytes) {
    const std::uint8_t* bytes = nullptr;
    auto length = nghttp2_session_mem_send(session_.get(), &bytes);
    if (length < 0) broken_ = true;
    if (length <= 0) break;
    out_.append(text_of(bytes, static_cast<std::size_t>(length)));
  }
  settle();
  written_at_ = steady_clock::now();
  return {{out_, {}, {}}};
}

void Http2::wrote() {
  out_.clear();
  for (auto& taken : std::exchange(taken_, {})) {
    taken.exchange->run(taken.done, true);
    auto* stream = find(taken.stream);
    if (!stream) continue;
    stream->hold.shrink(taken.bytes);
    answer_on(*stream);
  }
  settle();
}

Session::Ending Http2::ending() const {
  bool over = out_.empty() && !nghttp2_session_want_read(session_.get()) &&
              !nghttp2_session_want_write(session_.get());
  if (broken_) return Ending::cut;
  return over ? Ending::close : Ending::open;
}

void Http2::drain() {
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_.get()), NGHTTP2_NO_ERROR,
                        nullptr, 0);
}

void Http2::abandon() {
  broken_ = true;
  for (auto& taken : std::exchange(taken_, {})) taken.exchange->run(taken.done, false);
  for (auto& [id, stream] : streams_) closed_.push_back(std::move(stream));
  streams_.clear();
  settle();
}

void Http2::expire(Instant now) {
  auto idle = seconds(shared_->options.idle_seconds_max);
  // To be asked again: while streams are open and nothing waits for the socket, only they are late.
  auto own = now + idle;
  if (!out_.empty())
    own = written_at_ + idle;
  else if (streams_.empty())
    own = heard_at_ + idle;
  if (now >= own) {
    if (!out_.empty()) return abandon();
    nghttp2_session_terminate_session(session_.get(), NGHTTP2_NO_ERROR);
  }
  deadline_ = now >= own ? now + idle : own;
  for (auto& [id, stream] : streams_) {
    if (now >= stream->deadline) {
      not_late(*stream);
      reset(id, NGHTTP2_CANCEL);
    }
    deadline_ = std::min(deadline_, stream->deadline);
  }
}

Http2::Stream* Http2::find(std::int32_t id) {
  auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second.get();
}

void Http2::late_after(Stream& stream, int seconds_max) {
  stream.deadline = steady_clock::now() + seconds(seconds_max);
  deadline_ = std::min(deadline_, stream.deadline);
}

void Http2::spend(FrameAllowance& allowance) {
  if (!allowance.spend(heard_at_))
    nghttp2_session_terminate_session(session_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
}

void Http2::reset(std::int32_t id, std::uint32_t error) {
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, error);
}

void Http2::note_frame(const nghttp2_frame_hd& header) {
  bool ends = header.flags & (NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS);
  switch (header.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_WINDOW_UPDATE:
    case NGHTTP2_GOAWAY:
      return;
    case NGHTTP2_DATA:
    case NGHTTP2_CONTINUATION:
      if (header.length == 0 && !ends) spend(empty_frames_);
      return;
    default:
      spend(empty_frames_);
  }
}

void Http2::close(std::int32_t id) {
  auto found = streams_.find(id);
  if (found == streams_.end()) return;
  // However it was lost, by the peer's reset or by a mistake that makes us reset it: the work that
  // began for it goes on, while its place is free for the next (CVE-2023-44487, CVE-2025-8671).
  if (!found->second->answered) spend(lost_streams_);
  closed_.push_back(std::move(found->second));
  streams_.erase(found);
  give_room_back(*closed_.back());
}

void Http2::settle() {
  while (!closed_.empty() || !to_hand_out_.empty()) {
    for (auto& stream : std::exchange(closed_, {})) {
      if (!stream->exchange) continue;
      if (stream->chunk) stream->exchange->run(stream->chunk->done, false);
      // Of a stream that answers HEAD the peer takes nothing but the start.
      if (!stream->answered || (stream->is_head && stream->started)) stream->exchange->peer_left();
      stream->exchange->finish();
    }
    for (auto id : std::exchange(to_hand_out_, {}))
      if (auto* stream = find(id)) hand_out_request(*stream);
  }
}

}  // namespace tailrace::http
