#include "admin/tail.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <mutex>
#include <optional>
#include <string>

#include "admin/answer.h"
#include "admin/shard_merge.h"

namespace tailrace::admin {
namespace {

// Large enough for few system calls, small enough that other work on the I/O pool comes between.
constexpr std::size_t chunk_bytes = 256u << 10;

// The log and the peer know it weakly or for one write; the open answers own it until it is done.
class Tail final : public http::OpenAnswer, public std::enable_shared_from_this<Tail> {
 public:
  Tail(boost::asio::io_context& io, http::OpenAnswers& open, std::shared_ptr<stream::Stream> stream,
       std::map<ShardNumber, Offset> starts, std::uint64_t records_max,
       std::shared_ptr<http::Responder> responder)
      : io_(io),
        open_(open),
        stream_(std::move(stream)),
        merge_(stream_, std::move(starts)),
        left_(records_max),
        responder_(std::move(responder)) {}

  void begin() {
    std::weak_ptr<Tail> weak = weak_from_this();
    responder_->on_gone([weak] {
      if (auto self = weak.lock()) self->close();
    });
    {
      std::lock_guard lock(mutex_);
      if (done_) return;
      responder_->start(200, "application/x-ndjson", {});
      started_ = true;
      subscription_ = stream_->log().subscribe([weak] {
        if (auto self = weak.lock()) self->woken();
      });
    }
    pump();
  }

  void close() override {
    std::lock_guard lock(mutex_);
    if (!done_) finish();
  }

 private:
  // On the log's thread, which must not be held up nor called back.
  void woken() {
    if (wake_posted_.exchange(true)) return;
    boost::asio::post(io_, [self = shared_from_this()] {
      self->wake_posted_ = false;
      self->pump();
    });
  }

  // Sends the next chunk, unless one is on its way or there is nothing to send.
  void pump() {
    std::lock_guard lock(mutex_);
    if (done_ || writing_) return;
    if (last_chunk_sent_ || left_ == 0) return finish();

    Buffer chunk;
    auto fenced = stream_->log().fenced();  // first: what became durable before it is still read
    auto records = merge_.append_lines(chunk, static_cast<std::size_t>(left_), chunk_bytes);
    if (records) left_ -= *records;
    if (!records || (fenced && *records == 0)) {
      chunk.append(response_of(records ? *fenced : records.error()).body);
      chunk.append('\n');
      last_chunk_sent_ = true;
    }
    if (chunk.empty()) return;  // the log wakes us

    writing_ = true;
    // Answered from any thread and perhaps at once, so it goes by way of the pool.
    responder_->write(std::string(chunk.view()), [self = shared_from_this()](bool taken) {
      boost::asio::post(self->io_, [self, taken] { self->written(taken); });
    });
  }

  void written(bool taken) {
    {
      std::lock_guard lock(mutex_);
      writing_ = false;
      if (done_) return;
      if (!taken) return finish();
    }
    pump();
  }

  void finish() {
    done_ = true;
    if (subscription_) stream_->log().unsubscribe(*subscription_);
    if (started_) responder_->end();
    responder_ = nullptr;
    open_.remove(shared_from_this());
  }

  boost::asio::io_context& io_;
  http::OpenAnswers& open_;
  const std::shared_ptr<stream::Stream> stream_;
  std::atomic<bool> wake_posted_{false};

  std::mutex mutex_;  // over all below
  ShardMerge merge_;
  std::uint64_t left_;
  std::shared_ptr<http::Responder> responder_;
  std::optional<std::uint64_t> subscription_;
  bool started_ = false;
  bool writing_ = false;
  bool last_chunk_sent_ = false;
  bool done_ = false;
};

}  // namespace

void answer_with_tail(boost::asio::io_context& io, http::OpenAnswers& open,
                      std::shared_ptr<stream::Stream> stream, std::map<ShardNumber, Offset> starts,
                      std::uint64_t records_max, std::shared_ptr<http::Responder> responder) {
  auto tail = std::make_shared<Tail>(io, open, std::move(stream), std::move(starts), records_max,
                                     std::move(responder));
  if (open.add(tail)) tail->begin();
}

}  // namespace tailrace::admin
