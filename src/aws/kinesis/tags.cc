#include <algorithm>

#include "aws/kinesis/control.h"
#include "aws/kinesis/names.h"
#include "aws/kinesis/tag_rules.h"

namespace tailrace::aws::kinesis {
namespace {

using Resource = catalog::StreamOperations::Resource;

// The newer actions name what is tagged by ResourceARN, the older ones a stream.
Result<Resource> stream_resource(const Account& account, const Value& input) {
  auto name = stream_of(account, input);
  if (!name) return std::move(name).error();
  return Resource{std::move(*name), "", std::nullopt};
}

using FindResource = Result<Resource> (*)(const Account&, const Value&);

Act add_tags(FindResource find) {
  return [find](const Control& control, const Value& input) -> Outcome {
    auto resource = find(control.account, input);
    if (!resource) return resource.error();
    stream::Tags tags = tags_of(input["Tags"]);
    if (auto checked = check_tags(tags, resource->stream, control.account); !checked)
      return checked.error();
    return control.operations.add_tags(*resource, tags);
  };
}

Act remove_tags(FindResource find) {
  return [find](const Control& control, const Value& input) -> Outcome {
    auto resource = find(control.account, input);
    if (!resource) return resource.error();
    auto checked = check_tag_keys(input["TagKeys"], resource->stream, control.account);
    if (!checked) return checked.error();
    std::vector<std::string> keys;
    for (const Value& key : input["TagKeys"].items()) keys.emplace_back(key.text());
    return control.operations.remove_tags(*resource, keys);
  };
}

void write_tag(Writer& writer, const std::string& key, const std::string& value) {
  writer.begin_map();
  writer.text("Key", key);
  writer.text("Value", value);
  writer.end_map();
}

Outcome list_tags_for_stream(const Control& control, const Value& input) {
  auto stream = find_stream(control, input);
  if (!stream) return stream.error();
  auto limit = static_cast<std::size_t>(input["Limit"].integer_or(catalog::tags_max));
  return Outcome::Members(
      [spec = (*stream)->spec(), limit,
       after = std::string(input["ExclusiveStartTagKey"].text())](Writer& writer) {
        auto tag = after.empty() ? spec->tags.begin() : spec->tags.upper_bound(after);
        writer.begin_list("Tags");
        for (std::size_t count = 0; tag != spec->tags.end() && count < limit; ++tag, ++count)
          write_tag(writer, tag->first, tag->second);
        writer.end_list();
        writer.boolean("HasMoreTags", tag != spec->tags.end());
      });
}

Outcome list_tags_for_resource(const Control& control, const Value& input) {
  auto resource = resource_of(control.account, input);
  if (!resource) return resource.error();
  auto stream = find_stream(control, resource->stream);
  if (!stream) return stream.error();
  auto spec = (*stream)->spec();
  stream::Tags tags = spec->tags;
  if (!resource->consumer.empty()) {
    auto consumer = find_consumer(control.account, *spec, *resource);
    if (!consumer) return consumer.error();
    tags = std::move(consumer->tags);
  }
  return Outcome::Members([tags = std::move(tags)](Writer& writer) {
    writer.begin_list("Tags");
    for (const auto& [key, value] : tags) write_tag(writer, key, value);
    writer.end_list();
  });
}

}  // namespace

std::vector<Handled> tag_actions(const Control& control) {
  return {changing(control, "AddTagsToStream", add_tags(stream_resource)),
          changing(control, "RemoveTagsFromStream", remove_tags(stream_resource)),
          looking(control, "ListTagsForStream", list_tags_for_stream),
          changing(control, "TagResource", add_tags(resource_of)),
          changing(control, "UntagResource", remove_tags(resource_of)),
          looking(control, "ListTagsForResource", list_tags_for_resource)};
}

}  // namespace tailrace::aws::kinesis
