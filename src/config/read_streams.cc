#include <algorithm>

#include "config/sections.h"

namespace tailrace::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr std::uint64_t shards_max = 10'000;
// Less than a segment: retention works in whole segments, so a smaller limit would not be kept.
constexpr std::uint64_t retention_bytes_min = 1 << 20;
constexpr std::uint64_t retention_bytes_max = 1ull << 60;

catalog::Declaration::Stream read_stream(Reading& reading, const Node::Member& member) {
  catalog::Declaration::Stream stream;
  stream.name = member.key.text;
  const std::string path = "streams." + stream.name;
  Fields fields(reading, member.value, path, member.key.place,
                {"shards", "retention", "retention_bytes", "sync", "limits"});
  if (auto named = stream::check_stream_name(stream.name); !named)
    reading.error(member.key.place, path, named.error().message);

  if (auto shards = fields.whole("shards", 1, shards_max))
    stream.shards = static_cast<std::uint32_t>(*shards);
  if (auto retention =
          fields.duration("retention", "in whole hours such as 24h or 7d, from 24h to 365d",
                          hours(24), hours(8760))) {
    if (*retention % hours(1) != milliseconds(0))
      fields.error("retention", "expected whole hours, such as 24h or 7d, found " +
                                    describe(*fields.find("retention")));
    stream.retention = std::chrono::duration_cast<hours>(*retention);
  }
  if (auto bytes =
          fields.size("retention_bytes", "such as 10GiB (at least 1MiB), or 0 for no limit", 0,
                      retention_bytes_max)) {
    if (*bytes != 0 && *bytes < retention_bytes_min)
      fields.error("retention_bytes", "expected at least 1MiB, or 0 for no limit, found " +
                                          describe(*fields.find("retention_bytes")));
    stream.retention_bytes = *bytes;
  }
  if (auto sync = fields.choice<log::Sync>("sync", {{"always", log::Sync::always},
                                                    {"interval", log::Sync::interval},
                                                    {"none", log::Sync::none}}))
    stream.sync = *sync;
  if (auto limits = fields.choice<bool>("limits", {{"none", false}, {"aws", true}}))
    stream.aws_limits = *limits;
  return stream;
}

}  // namespace

void read_streams(Reading& reading, const Node& node, catalog::Declaration& declaration,
                  Names& names) {
  for (const Node::Member* member : named_members(reading, node, "streams", "stream")) {
    declaration.streams.push_back(read_stream(reading, *member));
    names.streams.push_back(member->key.text);
  }
}

void check_reference(Fields& fields, const std::string& field, const std::string& name,
                     const std::vector<std::string>& declared, const std::string& kind) {
  for (const std::string& known : declared) {
    if (known == name) return;
  }
  auto meant = did_you_mean(name, declared);
  fields.error(field,
               "no " + kind + " is named \"" + name + "\"; " +
                   (meant ? "did you mean '" + *meant + "'?" : "declare it under " + kind + "s"));
}

void check_stream(Reading& reading, const Fields& fields, const std::string& name,
                  const Names& names) {
  if (std::ranges::find(names.streams, name) != names.streams.end()) return;
  auto meant = did_you_mean(name, names.streams);
  reading.warning(fields.place_of("stream"), fields.key("stream"),
                  "no stream is declared as \"" + name + "\"; " +
                      (meant ? "did you mean '" + *meant + "'? Else it" : "it") +
                      " must be there already, made through the API");
}

}  // namespace tailrace::config
