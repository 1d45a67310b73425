#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "http/open_answers.h"
#include "http/server.h"
#include "stream/stream.h"

namespace boost::asio {
class io_context;
}

namespace tailrace::admin {

// Answers with a stream's records as they become durable, a line each, until `records_max` are
// sent, the peer leaves, the log is fenced or the stream is deleted. `starts` as for ShardMerge. A
// slow peer is waited for, never buffered for.
void answer_with_tail(boost::asio::io_context& io, http::OpenAnswers& open,
                      std::shared_ptr<stream::Stream> stream, std::map<ShardNumber, Offset> starts,
                      std::uint64_t records_max, std::shared_ptr<http::Responder> responder);

}  // namespace tailrace::admin
