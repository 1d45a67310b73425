#include "capture/drain.h"

namespace tailrace::capture {
namespace {

constexpr std::size_t batch_bytes_max = 1u << 20;
constexpr std::size_t records_per_read = 4096;

}  // namespace

Drain::Drain(const std::string& task, Aside& aside, stream::Stream& stream, Position from,
             std::map<std::uint32_t, LoadMark> loads, std::set<std::uint32_t> waiting)
    : task_(task),
      aside_(aside),
      stream_(stream),
      position_(from),
      loads_(std::move(loads)),
      waiting_(std::move(waiting)),
      next_(aside.log().first_offset(0)),
      batch_(stream.begin_batch()) {}

std::uint64_t Drain::records_left() const { return aside_.log().end_offset(0) - next_; }

bool Drain::wanted(const Aside::Header& header) const {
  if (waiting_.contains(header.table)) return false;
  auto load = loads_.find(header.table);
  return load == loads_.end() || !(header.commit < load->second.snapshot);
}

Result<bool> Drain::step(const AppendHooks& hooks) {
  auto read = aside_.log().read(0, next_, records_per_read, batch_bytes_max);
  if (!read) return std::move(read).error().during("read what was kept aside");
  if (read->records.empty()) {
    if (auto flushed = flush(hooks); !flushed) return std::move(flushed).error();
    return false;
  }
  for (const log::Record& record : read->records) {
    auto header = Aside::read_header(record.payload);
    if (!header) return Error{Fault::corrupt, "a record that was kept aside cannot be read"};
    bool here_already =
        header->commit < position_.end ||
        (header->kind != Aside::Kind::transaction_end && header->commit == position_.commit &&
         header->ordinal <= position_.ordinal);
    // A change of a key is two records of one ordinal; a batch never ends between them.
    bool second_half = moved_ && header->kind != Aside::Kind::transaction_end &&
                       header->commit == position_.commit && header->ordinal == position_.ordinal;
    if (here_already && !second_half) {
      next_ = record.offset + 1;
      continue;
    }
    if (!second_half && batch_.bytes() >= batch_bytes_max) {
      if (auto flushed = flush(hooks); !flushed) return std::move(flushed).error();
    }
    switch (header->kind) {
      case Aside::Kind::message:
        if (wanted(*header)) batch_.add(record.partition_key, Aside::message(record.payload));
        break;
      case Aside::Kind::broadcast:
        if (wanted(*header))
          batch_.add_to_every_shard(record.partition_key, Aside::message(record.payload));
        break;
      case Aside::Kind::transaction_end:
        position_.end = header->end;
        position_.commit = {};
        position_.ordinal = 0;
        break;
    }
    if (header->kind != Aside::Kind::transaction_end) {
      position_.commit = header->commit;
      position_.ordinal = header->ordinal;
    }
    moved_ = true;
    next_ = record.offset + 1;
  }
  return true;
}

Result<void> Drain::flush(const AppendHooks& hooks) {
  if (!moved_) return {};
  mark_position(batch_, task_, position_);
  auto appended = append_when_there_is_room(task_, stream_, batch_, hooks);
  if (!appended) return std::move(appended).error();
  ticket_ = appended->ticket;
  batch_ = stream_.begin_batch();
  moved_ = false;
  return {};
}

Result<void> Drain::wait_durable(std::chrono::milliseconds patience) {
  if (ticket_ == 0) return {};
  return stream_.log().wait_durable(ticket_, patience);
}

}  // namespace tailrace::capture
