#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tailrace {

// Whose the streams and functions are, as ARNs say it.
struct Account {
  std::string region = "us-east-1";
  std::string id = "000000000000";  // 12 digits
  bool operator==(const Account&) const = default;
};
bool is_account_id(std::string_view text);

// "arn:aws:kinesis:us-east-1:000000000000:stream/orders"
std::string stream_arn(const Account& account, std::string_view stream);
// The stream's with "/consumer/NAME:CREATED", the second in which the consumer was registered.
std::string consumer_arn(const Account& account, std::string_view stream, std::string_view consumer,
                         std::int64_t created_seconds);

// "arn:aws:lambda:us-east-1:000000000000:function:resize"
std::string function_arn(const Account& account, std::string_view function);

// What the ARN of a stream or of a consumer names, in any account and region. One thing has one
// ARN, since policies compare the text: another spelling is none.
struct StreamArn {
  Account account;
  std::string stream;
  std::string consumer;  // empty: the ARN is the stream's
  std::int64_t created_seconds = 0;
  bool operator==(const StreamArn&) const = default;
};
std::optional<StreamArn> parse_stream_arn(std::string_view arn);

}  // namespace tailrace
