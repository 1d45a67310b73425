#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "admin/answer.h"
#include "admin/record_json.h"
#include "admin/routes.h"
#include "admin/shard_merge.h"
#include "admin/status_json.h"
#include "admin/tail.h"
#include "admin/wait.h"
#include "base/whole_number.h"

namespace tailrace::admin {

using json = nlohmann::ordered_json;

namespace {

constexpr std::uint64_t page_records_default = 1000;
constexpr std::uint64_t page_records_max = 100'000;
constexpr std::size_t page_bytes_max = 16u << 20;
constexpr std::uint64_t wait_ms_max = 300'000;
// What one read of the log brings: a page is made of several, so that its text and few of its
// records are in memory, not both whole.
constexpr std::size_t read_bytes = 1u << 20;

Result<std::shared_ptr<stream::Stream>> find_stream(Parts& parts, const std::string& name) {
  if (auto stream = parts.streams().find(name)) return stream;
  for (const auto& broken : parts.broken_streams())
    if (broken.spec.name == name) return broken.error;
  return Error{Fault::not_found, "no such stream: " + name};
}

Result<stream::Shard> shard_in(const http::Request& request, const stream::Stream& stream) {
  const std::string* text = text_in(request, "shard");
  if (text == nullptr) return Error{Fault::invalid, "shard is missing; give its number, shard=0"};
  auto number = parse_shard_id(*text);
  if (!number) number = parse_whole<ShardNumber>(*text);
  if (number)
    if (auto shard = stream.shard(*number)) return *shard;
  return Error{Fault::not_found, "stream " + stream.spec()->name + " has no shard '" + *text + "'"};
}

Result<Offset> offset_in(const http::Request& request, stream::Stream& stream, ShardNumber shard) {
  const std::string* from = text_in(request, "from");
  if (text_in(request, "offset") == nullptr)
    return start_offset(stream, shard, from ? *from : "trim-horizon");
  if (from != nullptr) return Error{Fault::invalid, "give either offset or from, not both"};
  Offset end = stream.latest(shard);
  auto offset = number_in(request, "offset", 0, UINT64_MAX);
  // A reader that is ahead of the stream holds another stream's offset: it must hear of it.
  if (offset && *offset > end)
    return Error{Fault::invalid, "offset " + std::to_string(*offset) + " lies beyond the end of " +
                                     shard_id(shard) + ", which is " + std::to_string(end)};
  return offset;
}

// One page of a shard, from an offset on.
class Page {
 public:
  Page(std::shared_ptr<stream::Stream> stream, const stream::Shard& shard, Offset from,
       std::size_t records_max)
      : stream_(std::move(stream)),
        shard_(shard.number),
        record_json_(shard),
        from_(from),
        records_max_(records_max) {}

  // A record, the end of the shard, or that it cannot be read.
  bool has_something_to_tell() const {
    auto read = stream_->read(shard_, from_, 1, 1);
    return !read || !read->records.records.empty() || read->next != from_ || read->ended;
  }

  http::Response read() {
    Buffer body;
    body.append("{\"records\":[");
    std::size_t count = 0;
    Offset next = from_;
    bool ended = false;
    while (!ended && count < records_max_ && body.size() < page_bytes_max) {
      auto run = stream_->read(shard_, next, records_max_ - count, read_bytes);
      // What was read before is given first; the next page begins with the error.
      if (!run && count == 0) return unreadable(next, run.error());
      if (!run) break;
      const auto& records = run->records.records;
      Offset first = records.empty() ? run->next : records.front().offset;
      if (next < first && count == 0) return retired(next, first);
      if (next < first) break;
      for (const log::Record& record : records) {
        if (count++ > 0) body.append(',');
        record_json_.append(body, record);
      }
      next = run->next;
      ended = run->ended;
      if (records.empty()) break;
    }
    body.append("],\"next_offset\":" + std::to_string(next) +
                ",\"end_offset\":" + std::to_string(stream_->latest(shard_)) +
                ",\"ended\":" + (ended ? "true}" : "false}"));
    http::Response response;
    response.body = std::string(body.view());
    return response;
  }

 private:
  http::Response unreadable(Offset at, const Error& error) {
    return refusal(error, readable_again(stream_->log(), shard_, at, error));
  }
  http::Response retired(Offset at, Offset first) {
    return refusal(past_retention(shard_, at, first), first);
  }
  static http::Response refusal(const Error& error, std::optional<Offset> next) {
    http::Response response = response_of(error);
    if (next) {
      json body = json::parse(response.body);
      body["error"]["next_offset"] = *next;
      response.body = text_of(body);
    }
    return response;
  }

  std::shared_ptr<stream::Stream> stream_;
  ShardNumber shard_;
  RecordJson record_json_;
  Offset from_;
  std::size_t records_max_;
};

void answer_records(boost::asio::io_context& io, http::OpenAnswers& open, Parts& parts,
                    const Call& call) {
  auto stream = find_stream(parts, call.names[0]);
  if (!stream) return answer(*call.responder, stream.error());
  auto shard = shard_in(call.request, **stream);
  if (!shard) return answer(*call.responder, shard.error());
  auto offset = offset_in(call.request, **stream, shard->number);
  if (!offset) return answer(*call.responder, offset.error());
  auto limit = number_in(call.request, "limit", page_records_default, page_records_max);
  if (!limit) return answer(*call.responder, limit.error());
  auto wait_ms = number_in(call.request, "wait_ms", 0, wait_ms_max);
  if (!wait_ms) return answer(*call.responder, wait_ms.error());

  // Wakes once; a try that finds nothing to tell arms it again.
  struct Watch {
    std::function<void()> wake;
    stream::Waiting waiting;
  };
  auto watch = std::make_shared<Watch>();
  auto arm = [watch, stream = *stream, shard = shard->number, from = *offset] {
    watch->waiting = stream->when_readable(shard, from, watch->wake);
  };
  answer_when_ready(io, open,
                    {.subscribe =
                         [watch](std::function<void()> wake) {
                           watch->wake = std::move(wake);
                           return std::uint64_t{0};
                         },
                     .unsubscribe = [watch](std::uint64_t) { watch->waiting.cancel(); }},
                    std::chrono::milliseconds{*wait_ms}, call.responder,
                    [page = Page{*stream, *shard, *offset, static_cast<std::size_t>(*limit)}, arm,
                     responder = call.responder](LastTry last) mutable {
                      if (last == LastTry::no && !page.has_something_to_tell()) {
                        arm();
                        return false;
                      }
                      responder->send(page.read());
                      return true;
                    });
}

void answer_tail(boost::asio::io_context& io, http::OpenAnswers& open, Parts& parts,
                 const Call& call) {
  auto stream = find_stream(parts, call.names[0]);
  if (!stream) return answer(*call.responder, stream.error());
  auto limit = number_in(call.request, "limit", UINT64_MAX, UINT64_MAX);
  if (!limit) return answer(*call.responder, limit.error());
  const std::string* from = text_in(call.request, "from");

  std::map<ShardNumber, Offset> starts;
  for (const stream::Shard& shard : (*stream)->shards()) {
    auto start = start_offset(**stream, shard.number, from ? *from : "latest");
    if (!start) return answer(*call.responder, start.error());
    starts.emplace(shard.number, *start);
  }
  answer_with_tail(io, open, *stream, std::move(starts), *limit, call.responder);
}

void answer_stream(Parts& parts, const Call& call) {
  json list = streams_json(parts);
  for (const json& stream : list)
    if (stream["name"] == call.names[0]) return answer(*call.responder, stream);
  answer(*call.responder, Error{Fault::not_found, "no such stream: " + call.names[0]});
}

}  // namespace

void add_stream_routes(Router& router, boost::asio::io_context& io, http::OpenAnswers& open,
                       Parts& parts) {
  router.add("GET", "/v1/streams", [&parts](const Call& call) {
    answer(*call.responder, {{"streams", streams_json(parts)}});
  });
  router.add("GET", "/v1/streams/{}", [&parts](const Call& call) { answer_stream(parts, call); });
  router.add("GET", "/v1/streams/{}/records",
             [&io, &open, &parts](const Call& call) { answer_records(io, open, parts, call); });
  router.add("GET", "/v1/streams/{}/tail",
             [&io, &open, &parts](const Call& call) { answer_tail(io, open, parts, call); });
}

}  // namespace tailrace::admin
