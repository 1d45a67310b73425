#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/chunked_body.h"
#include "http/head_rules.h"
#include "http/session.h"

namespace tailrace::http {

// HTTP/1.1 and 1.0 with keep-alive. One request at a time: what a peer sends ahead waits in a
// buffer of limited size, then in its socket.
class Http1 final : public Session {
 public:
  Http1(std::shared_ptr<Shared> shared, Carrier carrier);

  void receive(std::string_view bytes) override;
  bool wants_more() const override;
  void peer_closed() override;
  void wake(std::uint32_t stream) override;
  Output output() override { return output_; }
  void wrote() override;
  Ending ending() const override { return ending_; }
  void drain() override;
  void abandon() override;
  Instant deadline() const override { return deadline_; }
  void expire(Instant now) override;

 private:
  enum class State { head, body, answer, over };

  // Each uses some bytes from the front and says how many.
  std::size_t serve(std::string_view bytes);
  std::size_t take_head(std::string_view bytes);
  std::size_t take_body(std::string_view bytes);
  std::size_t take_chunked(std::string_view bytes);
  void serve_what_waits();

  void begin_request(Head head);
  void append_body(std::string_view bytes);
  void request_complete();
  void refuse(Refusal refusal);

  // Goes on with the answer until there is something to write or to wait for.
  void answer_on();
  void say(Exchange::Whole whole);
  void say(Exchange::Start start);
  void say(Exchange::Chunk chunk);
  void say(Exchange::End);
  void say(Exchange::Dropped);
  void piece_written();
  void answer_complete();
  void end(Ending ending);
  void late_after(int seconds);

  const std::shared_ptr<Shared> shared_;
  const Carrier carrier_;

  State state_ = State::head;
  Ending ending_ = Ending::open;
  Instant deadline_ = never;
  bool draining_ = false;
  bool peer_closed_ = false;

  // What came ahead of what is served; the first in_used_ bytes are done with.
  std::string in_;
  std::size_t in_used_ = 0;
  std::size_t head_seen_ = 0;  // bytes of the next head that hold no end of it

  // The request under way.
  Head head_;
  ChunkedBody chunked_;
  Hold hold_;
  bool is_head_ = false;
  bool oversize_ = false;

  // Its answer.
  std::shared_ptr<Exchange> exchange_;
  std::optional<Exchange::Whole> refusal_;  // instead of an exchange
  std::string text_;                        // a head, the framing of a chunk, or the interim answer
  std::shared_ptr<const std::string> whole_body_;
  std::optional<Exchange::Chunk> chunk_;
  Output output_;
  bool started_ = false;
  bool complete_ = false;
};

}  // namespace tailrace::http
