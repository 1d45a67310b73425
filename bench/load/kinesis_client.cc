#include "load/kinesis_client.h"

#include <ctime>
#include <stdexcept>

namespace tailrace::load {
namespace {

std::string now(const char* format) {
  std::time_t seconds = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, format, &parts));
}

}  // namespace

std::string kinesis_request(std::uint16_t port, std::string_view action, std::string_view body) {
  std::string request = "POST / HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port);
  request += "\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Target: Kinesis_20131202.";
  request += action;
  request += "\r\nX-Amz-Date: " + now("%Y%m%dT%H%M%SZ");
  request += "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDBENCH/" + now("%Y%m%d");
  request += "/us-east-1/kinesis/aws4_request, SignedHeaders=host;x-amz-date, Signature=";
  request.append(64, '0');
  request += "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  request += body;
  return request;
}

std::string KinesisClient::call(std::string_view action, std::string_view body) {
  send(action, body);
  while (!receive()) continue;
  expect_ok();
  return std::string(answer_.body());
}

void KinesisClient::send(std::string_view action, std::string_view body) {
  action_ = action;
  if (answer_.closes()) socket_ = Socket(port_);
  answer_.clear();
  socket_.send(kinesis_request(port_, action, body));
}

bool KinesisClient::receive() {
  socket_.receive(answer_.arrived());
  return answer_.advance();
}

void KinesisClient::expect_ok() const {
  if (answer_.status() == 200) return;
  throw std::runtime_error(action_ + ": status " + std::to_string(answer_.status()) + ": " +
                           std::string(answer_.body().substr(0, 400)));
}

std::string_view next_text(std::string_view json, std::string_view name, std::size_t& from) {
  while ((from = json.find(name, from)) != std::string_view::npos) {
    bool quoted = from > 0 && json[from - 1] == '"';
    from += name.size();
    if (!quoted || from >= json.size() || json[from] != '"') continue;
    std::size_t begin = json.find_first_not_of(": \t\r\n", from + 1);
    if (begin == std::string_view::npos || json[begin] != '"') continue;
    std::size_t end = json.find('"', begin + 1);
    if (end == std::string_view::npos) break;
    from = end + 1;
    return json.substr(begin + 1, end - begin - 1);
  }
  from = json.size();
  return {};
}

std::string_view first_text(std::string_view json, std::string_view name) {
  std::size_t from = 0;
  return next_text(json, name, from);
}

}  // namespace tailrace::load
