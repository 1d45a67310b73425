#include "aws/kinesis/control.h"
#include "aws/kinesis/names.h"

namespace tailrace::aws::kinesis {
namespace {

// AWS's limit for a resource policy.
constexpr std::size_t policy_bytes_max = 20 * 1024;

// Policies are kept and given back. They would let other accounts in, of which there are none here;
// what an identity may do says the policy of its key.
Outcome put_policy(const Control& control, const Value& input) {
  auto resource = resource_of(control.account, input);
  if (!resource) return resource.error();
  std::string policy(input["Policy"].text());
  if (policy.size() > policy_bytes_max)
    return Error{Fault::invalid,
                 "The policy is longer than " + std::to_string(policy_bytes_max) + " bytes."};
  if (!read_document(Codec::json, policy))
    return Error{Fault::invalid, "The policy is no JSON object."};
  return control.operations.put_policy(*resource, policy);
}

Outcome get_policy(const Control& control, const Value& input) {
  auto resource = resource_of(control.account, input);
  if (!resource) return resource.error();
  auto stream = find_stream(control, resource->stream);
  if (!stream) return stream.error();
  auto spec = (*stream)->spec();
  std::string policy = spec->policy;
  if (!resource->consumer.empty()) {
    auto consumer = find_consumer(control.account, *spec, *resource);
    if (!consumer) return consumer.error();
    policy = consumer->policy;
  }
  return Outcome::Members([policy = std::move(policy)](Writer& writer) {
    writer.text("Policy", policy.empty() ? "{}" : policy);
  });
}

Outcome delete_policy(const Control& control, const Value& input) {
  auto resource = resource_of(control.account, input);
  if (!resource) return resource.error();
  return control.operations.delete_policy(*resource);
}

}  // namespace

std::vector<Handled> policy_actions(const Control& control) {
  return {changing(control, "PutResourcePolicy", put_policy),
          looking(control, "GetResourcePolicy", get_policy),
          changing(control, "DeleteResourcePolicy", delete_policy)};
}

}  // namespace tailrace::aws::kinesis
