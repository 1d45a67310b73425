#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "admin/answer.h"
#include "admin/record_json.h"
#include "admin/routes.h"
#include "admin/shard_merge.h"
#include "admin/status_json.h"
#include "admin/tail.h"
#include "admin/wait.h"

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

Result<ShardNumber> shard_in(const http::Request& request, const stream::Stream& stream) {
  const std::string* text = text_in(request, "shard");
  if (text == nullptr) return Error{Fault::invalid, "shard is missing; give its number, shard=0"};
  auto number = parse_shard_id(*text);
  if (!number) {
    ShardNumber plain = 0;
    const char* end = text->data() + text->size();
    auto [read_to, failure] = std::from_chars(text->data(), end, plain);
    if (failure == std::errc{} && read_to == end) number = plain;
  }
  auto spec = stream.spec();
  for (const stream::Shard& shard : spec->shards)
    if (number == shard.number) return shard.number;
  return Error{Fault::not_found, "stream " + spec->name + " has no shard '" + *text + "'; it has " +
                                     std::to_string(spec->shards.size())};
}

Result<Offset> offset_in(const http::Request& request, stream::Stream& stream, ShardNumber shard) {
  const std::string* from = text_in(request, "from");
  if (text_in(request, "offset") == nullptr)
    return start_offset(stream, shard, from ? *from : "trim-horizon");
  if (from != nullptr) return Error{Fault::invalid, "give either offset or from, not both"};
  Offset end = stream.log().end_offset(shard);
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
  Page(std::shared_ptr<stream::Stream> stream, ShardNumber shard, Offset from,
       std::size_t records_max)
      : stream_(std::move(stream)), shard_(shard), from_(from), records_max_(records_max) {}

  bool has_records() const { return from_ < stream_->log().end_offset(shard_); }

  http::Response read() {
    log::StreamLog& log = stream_->log();
    RecordJson record_json{*stream_, shard_};
    Buffer body;
    body.append("{\"records\":[");
    std::size_t count = 0;
    Offset next = from_;
    while (count < records_max_ && body.size() < page_bytes_max && next < log.end_offset(shard_)) {
      auto run = log.read(shard_, next, records_max_ - count, read_bytes);
      // What was read before is given first; the next page begins with the error.
      if (!run && count == 0) return unreadable(next, run.error());
      if (!run) break;
      for (const log::Record& record : run->records) {
        if (count++ > 0) body.append(',');
        record_json.append(body, record);
      }
      next = run->next;
    }
    body.append("],\"next_offset\":" + std::to_string(next) +
                ",\"end_offset\":" + std::to_string(log.end_offset(shard_)) + "}");
    http::Response response;
    response.body = std::string(body.view());
    return response;
  }

 private:
  http::Response unreadable(Offset at, const Error& error) {
    http::Response response = response_of(error);
    if (auto next = readable_again(stream_->log(), shard_, at, error)) {
      json body = json::parse(response.body);
      body["error"]["next_offset"] = *next;
      response.body = text_of(body);
    }
    return response;
  }

  std::shared_ptr<stream::Stream> stream_;
  ShardNumber shard_;
  Offset from_;
  std::size_t records_max_;
};

void answer_records(boost::asio::io_context& io, OpenAnswers& open, Parts& parts,
                    const Call& call) {
  auto stream = find_stream(parts, call.names[0]);
  if (!stream) return answer(*call.responder, stream.error());
  auto shard = shard_in(call.request, **stream);
  if (!shard) return answer(*call.responder, shard.error());
  auto offset = offset_in(call.request, **stream, *shard);
  if (!offset) return answer(*call.responder, offset.error());
  auto limit = number_in(call.request, "limit", page_records_default, page_records_max);
  if (!limit) return answer(*call.responder, limit.error());
  auto wait_ms = number_in(call.request, "wait_ms", 0, wait_ms_max);
  if (!wait_ms) return answer(*call.responder, wait_ms.error());

  log::StreamLog& log = (*stream)->log();
  answer_when_ready(
      io, open,
      {.subscribe = [&log](std::function<void()> wake) { return log.subscribe(std::move(wake)); },
       .unsubscribe = [&log](std::uint64_t subscription) { log.unsubscribe(subscription); }},
      std::chrono::milliseconds{*wait_ms}, call.responder,
      [page = Page{*stream, *shard, *offset, static_cast<std::size_t>(*limit)},
       responder = call.responder](LastTry last) mutable {
        if (last == LastTry::no && !page.has_records()) return false;
        responder->send(page.read());
        return true;
      });
}

void answer_tail(boost::asio::io_context& io, OpenAnswers& open, Parts& parts, const Call& call) {
  auto stream = find_stream(parts, call.names[0]);
  if (!stream) return answer(*call.responder, stream.error());
  auto limit = number_in(call.request, "limit", UINT64_MAX, UINT64_MAX);
  if (!limit) return answer(*call.responder, limit.error());
  const std::string* from = text_in(call.request, "from");

  std::vector<std::pair<ShardNumber, Offset>> starts;
  auto spec = (*stream)->spec();
  for (const stream::Shard& shard : spec->shards) {
    auto start = start_offset(**stream, shard.number, from ? *from : "latest");
    if (!start) return answer(*call.responder, start.error());
    starts.emplace_back(shard.number, *start);
  }
  answer_with_tail(io, open, *stream, starts, *limit, call.responder);
}

void answer_stream(Parts& parts, const Call& call) {
  json list = streams_json(parts);
  for (const json& stream : list)
    if (stream["name"] == call.names[0]) return answer(*call.responder, stream);
  answer(*call.responder, Error{Fault::not_found, "no such stream: " + call.names[0]});
}

}  // namespace

void add_stream_routes(Router& router, boost::asio::io_context& io, OpenAnswers& open,
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
