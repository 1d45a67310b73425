#include "http/http1.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "http/answer_head.h"

namespace tailrace::http {

namespace {

// What a peer may send ahead of its answers before its socket has to hold it.
constexpr std::size_t ahead_bytes_max = 64u << 10;
// A promised length alone takes no more memory than this.
constexpr std::size_t body_reserve_max = 1u << 20;

}  // namespace

Http1::Http1(std::shared_ptr<Shared> shared, Carrier carrier)
    : shared_(std::move(shared)), carrier_(std::move(carrier)), hold_(shared_->held) {
  late_after(shared_->options.request_seconds_max);
}

void Http1::late_after(int seconds) {
  deadline_ = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
}

void Http1::receive(std::string_view bytes) {
  if (in_.empty()) {
    auto used = serve(bytes);
    in_.assign(bytes.substr(used));
  } else {
    in_.erase(0, std::exchange(in_used_, 0));
    in_ += bytes;
    serve_what_waits();
  }
}

void Http1::serve_what_waits() {
  in_used_ += serve(std::string_view(in_).substr(in_used_));
  if (in_used_ < in_.size()) return;
  in_.clear();
  in_used_ = 0;
}

std::size_t Http1::serve(std::string_view bytes) {
  for (std::size_t used = 0;;) {
    auto rest = bytes.substr(used);
    auto before = state_;
    switch (state_) {
      case State::head:
        used += take_head(rest);
        break;
      case State::body:
        used += head_.chunked ? take_chunked(rest) : take_body(rest);
        break;
      case State::answer:
        return used;
      case State::over:
        return bytes.size();
    }
    if (state_ == before) return used;
  }
}

std::size_t Http1::take_head(std::string_view bytes) {
  if (bytes.empty()) return 0;
  if (head_seen_ == 0) late_after(shared_->options.request_seconds_max);
  auto bytes_max = shared_->options.header_bytes_max;
  auto length = head_length(bytes, head_seen_);
  if (length == std::string_view::npos) {
    refuse({400, "a line ends without CR LF"});
    return 0;
  }
  if (length > bytes_max || (length == 0 && bytes.size() >= bytes_max)) {
    refuse({431, "head too long"});
    return 0;
  }
  head_seen_ = length == 0 ? bytes.size() : 0;
  if (length == 0) return 0;

  auto read = read_head(bytes.substr(0, length));
  if (auto* refusal = std::get_if<Refusal>(&read)) {
    refuse(*refusal);
    return 0;
  }
  begin_request(std::get<Head>(std::move(read)));
  // A peer that has begun its body needs no permission.
  if (state_ == State::body && head_.expects_continue && bytes.size() == length) {
    text_ = "HTTP/1.1 100 Continue\r\n\r\n";
    output_.pieces[0] = text_;
  }
  return length;
}

void Http1::begin_request(Head head) {
  head_ = std::move(head);
  chunked_ = {};
  is_head_ = head_.request.method == "HEAD";
  const auto& options = shared_->options;
  if (!options.hosts_allowed.empty() &&
      !host_allowed(head_.request.authority, options.hosts_allowed))
    return refuse({403, "this Host is not served"});

  head_.request.peer = carrier_.peer;
  head_.request.secure = carrier_.secure;
  oversize_ = head_.length.value_or(0) > options.body_bytes_max;
  if (oversize_ || (!head_.chunked && head_.length.value_or(0) == 0)) return request_complete();
  head_.request.body.reserve(std::min<std::size_t>(head_.length.value_or(0), body_reserve_max));
  state_ = State::body;
}

std::size_t Http1::take_body(std::string_view bytes) {
  auto missing = *head_.length - head_.request.body.size();
  auto part = bytes.substr(0, missing);
  append_body(part);
  if (state_ == State::body && part.size() == missing) request_complete();
  return part.size();
}

std::size_t Http1::take_chunked(std::string_view bytes) {
  std::size_t used = 0;
  while (state_ == State::body && used < bytes.size()) {
    auto step = chunked_.decode(bytes.substr(used));
    used += step.used;
    append_body(step.data);
    if (state_ != State::body) break;
    if (step.state == ChunkedBody::State::bad) refuse({400, "bad chunked body"});
    if (step.state == ChunkedBody::State::done) request_complete();
  }
  return used;
}

void Http1::append_body(std::string_view bytes) {
  auto& body = head_.request.body;
  if (body.size() + bytes.size() > shared_->options.body_bytes_max) {
    oversize_ = true;
    body = {};
    return request_complete();
  }
  if (!hold_.grow(bytes.size())) return refuse({503, "too many large requests at once"});
  body += bytes;
}

void Http1::request_complete() {
  if (oversize_ && !shared_->options.oversize) return refuse({413, "body too large"});
  if (oversize_ || draining_) head_.keep_alive = false;
  const Handler& handler = oversize_ ? shared_->options.oversize : shared_->handler;
  state_ = State::answer;
  exchange_ = hand_out(shared_, carrier_, 0, handler, std::move(head_.request));
  answer_on();
}

void Http1::refuse(Refusal refusal) {
  head_.keep_alive = false;
  head_.request.body = {};
  refusal_ = own_answer(refusal.status, refusal.why);
  state_ = State::answer;
  answer_on();
}

void Http1::answer_on() {
  while (state_ == State::answer && output_.empty()) {
    std::optional<Exchange::Piece> piece;
    if (refusal_)
      piece = std::move(*refusal_);
    else
      piece = exchange_->take();
    if (!piece) {
      deadline_ = never;
      if (peer_closed_) abandon();
      return;
    }
    late_after(shared_->options.idle_seconds_max);
    std::visit([this](auto& known) { say(std::move(known)); }, *piece);
    if (state_ == State::answer && output_.empty()) piece_written();
  }
}

void Http1::say(Exchange::Whole whole) {
  if (whole.body && !hold_.grow(whole.body->size()))
    whole = own_answer(503, "too many large answers at once");
  bool with_body = status_has_body(whole.status);
  AnswerHead head(whole.status);
  if (with_body) {
    if (!whole.content_type.empty()) head.add("content-type", whole.content_type);
    head.add("content-length", std::to_string(whole.body ? whole.body->size() : 0));
  }
  head.add(whole.headers);
  if (!head_.keep_alive) head.add("connection", "close");
  if (head_.keep_alive && head_.is_1_0) head.add("connection", "keep-alive");
  text_ = head.take();
  whole_body_ = std::move(whole.body);
  output_.pieces[0] = text_;
  if (with_body && !is_head_ && whole_body_) output_.pieces[1] = *whole_body_;
  complete_ = true;
}

void Http1::say(Exchange::Start start) {
  started_ = true;
  // Its end is told by the connection's.
  if (head_.is_1_0) head_.keep_alive = false;
  AnswerHead head(start.status);
  head.add("content-type", start.content_type);
  head.add("cache-control", "no-store");
  head.add(start.headers);
  if (!head_.is_1_0) head.add("transfer-encoding", "chunked");
  if (!head_.keep_alive) head.add("connection", "close");
  text_ = head.take();
  output_.pieces[0] = text_;
}

void Http1::say(Exchange::Chunk chunk) {
  chunk_ = std::move(chunk);
  if (!hold_.grow(chunk_->bytes.size())) {
    chunk_->bytes.clear();
    return abandon();
  }
  // An empty chunk would end the body.
  if (chunk_->bytes.empty() || is_head_) return;
  if (head_.is_1_0) {
    output_.pieces[0] = chunk_->bytes;
    return;
  }
  std::array<char, 24> size;
  int digits = std::snprintf(size.data(), size.size(), "%zx\r\n", chunk_->bytes.size());
  text_.assign(size.data(), static_cast<std::size_t>(digits));
  output_.pieces = {text_, chunk_->bytes, "\r\n"};
}

void Http1::say(Exchange::End) {
  if (!head_.is_1_0 && !is_head_) output_.pieces[0] = "0\r\n\r\n";
  complete_ = true;
}

void Http1::say(Exchange::Dropped) {
  if (!started_) return say(own_answer(500, "no answer"));
  // Cut off without an end, so that the peer does not take it for whole.
  exchange_->finish();
  exchange_.reset();
  end(Ending::close);
}

void Http1::wrote() {
  output_ = {};
  if (state_ != State::answer) return;
  piece_written();
  answer_on();
  if (state_ == State::head) serve_what_waits();
}

void Http1::piece_written() {
  if (auto chunk = std::exchange(chunk_, std::nullopt)) {
    hold_.shrink(chunk->bytes.size());
    exchange_->run(chunk->done, true);
  }
  if (complete_) answer_complete();
}

void Http1::answer_complete() {
  complete_ = started_ = false;
  if (exchange_) exchange_->finish();
  exchange_.reset();
  whole_body_.reset();
  hold_.release();
  if (refusal_ || oversize_) return end(Ending::linger);
  if (!head_.keep_alive || draining_ || peer_closed_) return end(Ending::close);
  state_ = State::head;
  late_after(shared_->options.idle_seconds_max);
}

void Http1::end(Ending ending) {
  state_ = State::over;
  ending_ = ending;
  in_.clear();
  in_used_ = 0;
}

void Http1::wake(std::uint32_t) {
  answer_on();
  if (state_ == State::head) serve_what_waits();
}

bool Http1::wants_more() const { return in_.size() - in_used_ < ahead_bytes_max; }

void Http1::peer_closed() {
  peer_closed_ = true;
  if (state_ == State::head || state_ == State::body) return end(Ending::close);
  // Nobody is left to wait for an answer that takes long.
  if (state_ == State::answer && output_.empty()) abandon();
}

void Http1::drain() {
  draining_ = true;
  if (state_ == State::head && in_.empty()) end(Ending::close);
}

void Http1::abandon() {
  if (auto exchange = std::exchange(exchange_, nullptr)) {
    // Its bytes stay: they may be on their way.
    if (chunk_) exchange->run(std::exchange(chunk_->done, nullptr), false);
    exchange->peer_left();
    exchange->finish();
  }
  hold_.release();
  end(Ending::cut);
}

void Http1::expire(Instant now) {
  if (now >= deadline_) abandon();
}

}  // namespace tailrace::http
