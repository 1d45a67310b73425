#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/frame_allowance.h"
#include "http/head_rules.h"
#include "http/http2_stream.h"
#include "http/session.h"

namespace tailrace::http {

// HTTP/2 (RFC 9113) by nghttp2, from the client's preface on.
//
// Memory is bounded by windows. Every stream starts with the window of 64 KiB that the protocol
// gives. A larger body gets the window for all of it at once, when the connection has room for it;
// until then it waits, so that of many large bodies some always arrive whole. The connection's own
// window never holds up a stream.
//
// Of answers at most output_bytes are taken ahead of the socket. A peer that does not open its
// windows for idle_seconds_max loses the stream.
class Http2 final : public Session {
 public:
  Http2(std::shared_ptr<Shared> shared, Carrier carrier);
  ~Http2() override;

  void receive(std::string_view bytes) override;
  bool wants_more() const override;
  void peer_closed() override;
  void wake(std::uint32_t stream) override;
  Output output() override;
  void wrote() override;
  Ending ending() const override;
  void drain() override;
  void abandon() override;
  Instant deadline() const override { return deadline_; }
  void expire(Instant now) override;

 private:
  struct Callbacks;
  using Stream = Http2Stream;
  struct Deleter {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };
  // A chunk whose last byte lies in out_.
  struct Taken {
    std::int32_t stream;
    std::size_t bytes;
    std::shared_ptr<Exchange> exchange;
    std::function<void(bool)> done;
  };

  Stream* find(std::int32_t id);
  void late_after(Stream& stream, int seconds);
  void not_late(Stream& stream) { stream.deadline = never; }
  void spend(FrameAllowance& allowance);
  void reset(std::int32_t id, std::uint32_t error);

  // The request, as its frames arrive. These are called by nghttp2 and only note what has to call
  // out, for settle().
  void note_frame(const nghttp2_frame_hd& header);
  void begin(std::int32_t id);
  bool add_field(Stream& stream, std::string_view name, std::string_view value);
  void head_complete(Stream& stream);
  std::optional<Refusal> refuse(Stream& stream);
  void add_body(Stream& stream, std::string_view bytes);
  void request_complete(Stream& stream);
  void answer_with(Stream& stream, Refusal refusal);
  void close(std::int32_t id);

  void await_body(Stream& stream);
  void admit_bodies();
  void give_room_back(Stream& stream);

  void settle();
  void hand_out_request(Stream& stream);

  // The answer, piece by piece.
  void answer_on(Stream& stream);
  void say(Stream& stream, Exchange::Whole whole);
  void say(Stream& stream, Exchange::Start start);
  void say(Stream& stream, Exchange::Chunk chunk);
  void say(Stream& stream, Exchange::End);
  void say(Stream& stream, Exchange::Dropped);
  void submit_head(Stream& stream, int status, const Headers& headers);
  std::optional<std::size_t> copy_answer(Stream& stream, char* into, std::size_t room,
                                         bool& is_end);
  static ssize_t read_answer(nghttp2_session*, std::int32_t id, std::uint8_t* into,
                             std::size_t room, std::uint32_t* flags, nghttp2_data_source*,
                             void* user_data);

  const std::shared_ptr<Shared> shared_;
  const Carrier carrier_;
  std::unique_ptr<nghttp2_session, Deleter> session_;
  std::unordered_map<std::int32_t, std::unique_ptr<Stream>> streams_;
  bool broken_ = false;

  FrameAllowance empty_frames_;
  FrameAllowance lost_streams_;
  Instant deadline_;  // not after the first of all that can be late
  Instant heard_at_;
  Instant written_at_;

  std::vector<std::int32_t> to_hand_out_;
  std::vector<std::unique_ptr<Stream>> closed_;

  std::size_t admitted_bytes_ = 0;
  std::deque<std::int32_t> waiting_;  // streams that wait for room for their bodies

  std::string out_;
  std::vector<Taken> taken_;
};

}  // namespace tailrace::http
