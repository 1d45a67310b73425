#include <algorithm>

#include "aws/kinesis/control.h"
#include "aws/kinesis/describe.h"
#include "aws/kinesis/names.h"
#include "aws/kinesis/page_token.h"
#include "aws/kinesis/tag_rules.h"

namespace tailrace::aws::kinesis {
namespace {

constexpr std::int64_t listed_consumers_max = 100;

Outcome register_consumer(const Control& control, const Value& input) {
  auto stream = stream_of(control.account, input);
  if (!stream) return stream.error();
  stream::Tags tags = tags_of(input["Tags"]);
  if (auto checked = check_tags(tags, *stream, control.account); !checked) return checked.error();
  auto consumer = control.operations.register_consumer(
      *stream, std::string(input["ConsumerName"].text()), tags);
  if (!consumer) return consumer.error();
  return Outcome::Members([&control, stream = *stream, consumer = *consumer](Writer& writer) {
    writer.begin_map("Consumer");
    write_consumer(writer, control.account, stream, consumer);
    writer.end_map();
  });
}

Outcome deregister_consumer(const Control& control, const Value& input) {
  auto consumer = consumer_of(control.account, input);
  if (!consumer) return consumer.error();
  return control.operations.deregister_consumer(*consumer);
}

Outcome describe_consumer(const Control& control, const Value& input) {
  auto named = consumer_of(control.account, input);
  if (!named) return named.error();
  auto stream = find_stream(control, named->stream);
  if (!stream) return stream.error();
  auto consumer = find_consumer(control.account, *(*stream)->spec(), *named);
  if (!consumer) return consumer.error();
  return Outcome::Members([&control, stream = named->stream, consumer = *consumer](Writer& writer) {
    writer.begin_map("ConsumerDescription");
    write_consumer(writer, control.account, stream, consumer);
    writer.text("StreamARN", stream_arn(control.account, stream));
    writer.end_map();
  });
}

Outcome list_consumers(const Control& control, const Value& input) {
  auto stream = find_stream(control, input);
  if (!stream) return stream.error();
  auto spec = (*stream)->spec();
  if (auto same = check_creation(control, input, *spec); !same) return same;
  std::string after;
  if (input["NextToken"]) {
    auto accepted =
        accept_page_token(input["NextToken"].text(), "ListStreamConsumers", now_ms(control));
    if (auto* failure = std::get_if<Failure>(&accepted)) return *failure;
    const auto& token = std::get<PageToken>(accepted);
    if (token.stream != spec->name || token.incarnation != spec->incarnation)
      return Error{Fault::invalid, "NextToken is not of stream " + spec->name + "."};
    after = token.after;
  }
  std::vector<stream::Consumer> consumers = spec->consumers;
  std::erase_if(consumers, [&](const stream::Consumer& one) { return one.name <= after; });
  const bool more = cut_to_page(consumers, input["MaxResults"], listed_consumers_max);
  return Outcome::Members([&control, spec, consumers = std::move(consumers), more](Writer& writer) {
    writer.begin_list("Consumers");
    for (const stream::Consumer& consumer : consumers) {
      writer.begin_map();
      write_consumer(writer, control.account, spec->name, consumer);
      writer.end_map();
    }
    writer.end_list();
    if (more)
      writer.text("NextToken", to_text(PageToken{.list = "ListStreamConsumers",
                                                 .stream = spec->name,
                                                 .incarnation = spec->incarnation,
                                                 .after = consumers.back().name,
                                                 .issued_ms = now_ms(control)}));
  });
}

}  // namespace

std::vector<Handled> consumer_actions(const Control& control) {
  return {changing(control, "RegisterStreamConsumer", register_consumer),
          changing(control, "DeregisterStreamConsumer", deregister_consumer),
          looking(control, "DescribeStreamConsumer", describe_consumer),
          looking(control, "ListStreamConsumers", list_consumers)};
}

}  // namespace tailrace::aws::kinesis
