#include "pg/replication_stream.h"

#include "base/byte_reader.h"
#include "pg/read_pacer.h"
#include "pg/server_error.h"
#include "pg/wire.h"

namespace tailrace::pg {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t notices_max = 100;
// The server answers when it has opened the slot, before it decodes anything.
constexpr std::chrono::seconds start_patience{60};

Error error_of(const ServerMessage& message) {
  Error error = message.error();
  // 55000: the slot was invalidated; 58P01: a WAL segment that it needs is gone. But for
  // "logical decoding requires wal_level >= logical", which shares 55000 (the setting's name is
  // the same in all languages).
  bool lost = message.sqlstate == "55000" && message.message.find("wal_level") == std::string::npos;
  if (lost || message.sqlstate == "58P01") error.fault = Fault::gap;
  return error;
}

class WalStream final : public ReplicationStream {
 public:
  explicit WalStream(std::unique_ptr<Connection> connection)
      : connection_(std::move(connection)), wire_(connection_->handle(), wake_) {}

  Result<void> begin(const std::string& command) {
    if (auto sent = wire_.send('Q', std::string_view(command.c_str(), command.size() + 1)); !sent)
      return sent;
    auto deadline = steady_clock::now() + start_patience;
    while (steady_clock::now() < deadline) {
      while (auto message = wire_.next()) {
        if (message->type == 'W') return {};
        if (message->type == 'E') return error_of(read_server_message(message->body));
        if (message->type == 'N') note(message->body);
      }
      if (auto filled = wire_.fill(milliseconds(1000)); !filled) return std::move(filled).error();
    }
    return Error{Fault::unavailable,
                 "no answer within " + std::to_string(start_patience.count()) + " s"};
  }

  Result<bool> fill(milliseconds patience) override {
    if (failed_) return *failed_;
    if (auto sent = send_late_status(); !sent) return std::move(sent).error();
    // Behind a commit nothing may be on its way: then the next row's latency counts.
    if (!at_rest_)
      if (auto pause = pacer_.pause(steady_clock::now()); pause > pause.zero())
        if (wire_.pause(pause)) patience = milliseconds(0);
    auto filled = wire_.fill(patience);
    if (!filled) return filled;
    if (*filled) pacer_.note_read(steady_clock::now(), handed_messages_, handed_bytes_);
    if (*filled) handed_messages_ = handed_bytes_ = 0;
    return filled;
  }

  std::optional<StreamMessage> next() override {
    while (!failed_) {
      auto message = wire_.next();
      if (!message) return std::nullopt;
      switch (message->type) {
        case 'd':
          if (auto inside = read_copy_data(message->body)) {
            ++handed_messages_;
            handed_bytes_ += message->body.size();
            inside->after_notice = !notices_.empty();
            return inside;
          }
          break;
        case 'N':
          note(message->body);
          break;
        case 'E':
          failed_ = error_of(read_server_message(message->body));
          break;
        case 'c':
          failed_ = Error{Fault::unavailable, "the server ended the replication stream"};
          break;
        default:
          break;  // parameter changes, notifications
      }
    }
    return std::nullopt;
  }

  std::size_t buffered() const override { return wire_.buffered(); }

  // Standby status update: 'r' 1, written 8, flushed 8, applied 8, time 8, reply requested 1.
  Result<void> send_status(Lsn flushed, UnixMicros now) override {
    constexpr std::int64_t unix_micros_of_2000 = 946'684'800'000'000;
    std::string body = "r";
    for (std::uint64_t number :
         {flushed.value, flushed.value, flushed.value,
          static_cast<std::uint64_t>(now.time_since_epoch().count() - unix_micros_of_2000)})
      for (int shift = 56; shift >= 0; shift -= 8) body += static_cast<char>(number >> shift);
    body += '\0';
    // While the socket is full, the newest status waits and replaces older ones.
    late_status_ = std::move(body);
    if (auto flushed_out = wire_.flush(); !flushed_out) return flushed_out;
    return send_late_status();
  }

  void wake() override { wake_.raise(); }

  std::vector<std::string> take_notices() override { return std::exchange(notices_, {}); }

  void stop(milliseconds patience) override {
    if (failed_) return;
    failed_ = Error{Fault::conflict, "the replication stream was stopped"};
    auto deadline = steady_clock::now() + patience;
    if (late_status_ && !wire_.has_unsent())
      if (!send_late_status()) return;
    if (!wire_.send('c', {})) return;
    // The server answers CopyDone in kind, completes two commands and is ready for the next.
    while (true) {
      while (auto message = wire_.next())
        if (message->type == 'Z') return;
      auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
      if (left <= milliseconds(0) || !wire_.fill(left)) return;
    }
  }

 private:
  // XLogData: 'w' 1, LSN 8, LSN again 8, time 8, message. Keepalive: 'k' 1, LSN 8, time 8, reply
  // requested 1. Other kinds, which later versions may send, are none of ours.
  std::optional<StreamMessage> read_copy_data(std::string_view body) {
    ByteReader bytes(body);
    StreamMessage message;
    switch (bytes.be<std::uint8_t>()) {
      case 'w':
        message.kind = StreamMessage::Kind::wal;
        message.lsn = Lsn{bytes.be<std::uint64_t>()};
        bytes.bytes(16);
        message.payload = bytes.bytes(bytes.left());
        at_rest_ =
            !message.payload.empty() && (message.payload[0] == 'C' || message.payload[0] == 'c');
        break;
      case 'k':
        message.kind = StreamMessage::Kind::keepalive;
        message.lsn = Lsn{bytes.be<std::uint64_t>()};
        bytes.bytes(8);
        message.reply_requested = bytes.be<std::uint8_t>() != 0;
        at_rest_ = true;
        break;
      default:
        return std::nullopt;
    }
    if (bytes.ok()) return message;
    failed_ = Error{Fault::corrupt,
                    "replication message of " + std::to_string(body.size()) + " bytes ends early"};
    return std::nullopt;
  }

  Result<void> send_late_status() {
    if (!late_status_ || wire_.has_unsent()) return {};
    std::string body = *std::exchange(late_status_, std::nullopt);
    return wire_.send('d', body);
  }

  void note(std::string_view body) {
    if (notices_.size() < notices_max) notices_.push_back(read_server_message(body).text());
  }

  std::unique_ptr<Connection> connection_;
  WakeSignal wake_;
  Wire wire_;
  ReadPacer pacer_;
  bool at_rest_ = true;  // the last message was a commit or a keepalive
  std::size_t handed_messages_ = 0, handed_bytes_ = 0;
  std::optional<std::string> late_status_;
  std::optional<Error> failed_;
  std::vector<std::string> notices_;
};

}  // namespace

Result<std::unique_ptr<ReplicationStream>> ReplicationStream::start(
    std::unique_ptr<Connection> connection, const std::string& slot, Lsn from,
    const std::vector<std::pair<std::string, std::string>>& plugin_options) {
  std::string command =
      "START_REPLICATION SLOT " + quote_identifier(slot) + " LOGICAL " + to_string(from);
  std::string separator = " (";
  for (const auto& [name, value] : plugin_options)
    command += std::exchange(separator, ", ") + quote_identifier(name) + " " + quote_literal(value);
  if (!plugin_options.empty()) command += ")";

  auto stream = std::make_unique<WalStream>(std::move(connection));
  if (auto begun = stream->begin(command); !begun)
    return std::move(begun).error().during("start replication from slot " + slot);
  return std::unique_ptr<ReplicationStream>(std::move(stream));
}

}  // namespace tailrace::pg
