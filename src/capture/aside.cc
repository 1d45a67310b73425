#include "capture/aside.h"

#include "base/byte_reader.h"

namespace tailrace::capture {
namespace {

constexpr const char* folder_name = "aside";
constexpr const char* position_key = "position";

}  // namespace

Result<std::unique_ptr<Aside>> Aside::open(Directory& task_folder, std::uint64_t identity,
                                           const std::string& name, Clock& clock) {
  auto folder = task_folder.subdirectory(folder_name);
  if (!folder) return std::move(folder).error();
  log::StreamLog::Options options;
  options.name = name + " (kept aside)";
  options.incarnation = identity;
  auto opened = log::StreamLog::open(**folder, options, clock);
  if (!opened) return std::move(opened).error().during("open what task " + name + " kept aside");
  std::unique_ptr<Aside> aside(new Aside(std::move(*folder), std::move(*opened)));
  if (!aside->log_->damage().empty())
    return Error{Fault::corrupt,
                 "what task " + name +
                     " kept aside is damaged: " + aside->log_->damage().front().what +
                     ". Way out: 'tailrace task reload " + name + "' loads the tables again"};
  return aside;
}

Result<bool> Aside::exists(Directory& task_folder) {
  auto folder = task_folder.subdirectory(folder_name);
  if (!folder) return std::move(folder).error();
  auto names = (*folder)->list();
  if (!names) return std::move(names).error();
  return !names->empty();
}

Result<void> Aside::remove(Directory& task_folder) {
  auto folder = task_folder.subdirectory(folder_name);
  if (!folder) return std::move(folder).error();
  auto names = (*folder)->list();
  if (!names) return std::move(names).error();
  // Oldest first: what a crash leaves is a whole end, which says that all of it is in the stream.
  for (const auto& name : *names)
    if (auto removed = (*folder)->remove(name); !removed) return std::move(removed).error();
  return (*folder)->sync();
}

void Aside::append_header(Buffer& out, const Header& header) {
  out.append_le(static_cast<std::uint8_t>(header.kind));
  out.append_le(header.table);
  out.append_le(header.commit.value);
  out.append_le(header.kind == Kind::transaction_end ? header.end.value : header.ordinal);
}

std::optional<Aside::Header> Aside::read_header(std::string_view payload) {
  ByteReader in(payload);
  auto kind = in.le<std::uint8_t>();
  Header header;
  header.table = in.le<std::uint32_t>();
  header.commit.value = in.le<std::uint64_t>();
  auto last = in.le<std::uint64_t>();
  if (!in.ok() || kind > static_cast<std::uint8_t>(Kind::transaction_end)) return std::nullopt;
  header.kind = static_cast<Kind>(kind);
  if (header.kind == Kind::transaction_end)
    header.end.value = last;
  else
    header.ordinal = last;
  return header;
}

Result<std::optional<Position>> Aside::position() const {
  auto mark = log_->mark(position_key);
  if (!mark) return std::optional<Position>{};
  auto position = decode_position(*mark);
  if (!position) return Error{Fault::corrupt, "the position of what was kept aside cannot be read"};
  return position;
}

void Aside::mark_position(log::Batch& batch, const Position& position) {
  batch.set_mark(position_key, encode(position));
}

}  // namespace tailrace::capture
