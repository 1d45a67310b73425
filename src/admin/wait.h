#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "http/open_answers.h"
#include "http/server.h"

namespace boost::asio {
class io_context;
}

namespace tailrace::admin {

// Something that calls back when it has moved: a log, a function's lines, checkpoints.
struct WakeSource {
  std::function<std::uint64_t(std::function<void()> wake)> subscribe;
  std::function<void(std::uint64_t)> unsubscribe;
};

enum class LastTry { no, yes };

// Tries to answer at once, again whenever the source moves, and for the last time when the patience
// is over. `try_answer` returns whether it has answered; on the last try it must. It runs on one
// thread at a time and is dropped, unanswered, when the peer leaves.
void answer_when_ready(boost::asio::io_context& io, http::OpenAnswers& open, WakeSource source,
                       std::chrono::milliseconds patience,
                       std::shared_ptr<http::Responder> responder,
                       std::function<bool(LastTry)> try_answer);

}  // namespace tailrace::admin
