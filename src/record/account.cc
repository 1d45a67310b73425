#include "record/account.h"

#include "base/whole_number.h"

namespace tailrace {
namespace {

// Up to the separator, which is taken too; nothing when it is missing.
std::optional<std::string_view> take_until(std::string_view& text, char separator) {
  auto end = text.find(separator);
  if (end == std::string_view::npos) return std::nullopt;
  auto part = text.substr(0, end);
  text.remove_prefix(end + 1);
  return part;
}

}  // namespace

bool is_account_id(std::string_view text) {
  return text.size() == 12 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string stream_arn(const Account& account, std::string_view stream) {
  std::string arn = "arn:aws:kinesis:" + account.region + ":" + account.id + ":stream/";
  return arn += stream;
}

std::string consumer_arn(const Account& account, std::string_view stream, std::string_view consumer,
                         std::int64_t created_seconds) {
  auto arn = stream_arn(account, stream);
  return ((arn += "/consumer/") += consumer) += ":" + std::to_string(created_seconds);
}

std::string function_arn(const Account& account, std::string_view function) {
  std::string arn = "arn:aws:lambda:" + account.region + ":" + account.id + ":function:";
  return arn += function;
}

std::optional<StreamArn> parse_stream_arn(std::string_view arn) {
  if (take_until(arn, ':') != "arn") return std::nullopt;
  if (take_until(arn, ':') != "aws" || take_until(arn, ':') != "kinesis") return std::nullopt;
  auto region = take_until(arn, ':');
  auto id = take_until(arn, ':');
  if (!region || !id || !is_account_id(*id) || take_until(arn, '/') != "stream")
    return std::nullopt;

  StreamArn parsed;
  parsed.account = {std::string(*region), std::string(*id)};
  auto slash = arn.find('/');
  parsed.stream = arn.substr(0, slash);
  if (parsed.stream.empty()) return std::nullopt;
  if (slash == std::string_view::npos) return parsed;

  arn.remove_prefix(slash + 1);
  if (take_until(arn, '/') != "consumer") return std::nullopt;
  auto consumer = take_until(arn, ':');
  if (!consumer || consumer->empty()) return std::nullopt;
  parsed.consumer = *consumer;
  if (arn.starts_with('0') && arn != "0") return std::nullopt;
  auto created_seconds = parse_whole<std::int64_t>(arn);
  if (!created_seconds || *created_seconds < 0) return std::nullopt;
  parsed.created_seconds = *created_seconds;
  return parsed;
}

}  // namespace tailrace
