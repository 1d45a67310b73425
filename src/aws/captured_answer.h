#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/server.h"

namespace tailrace::aws {

// What a test's request was answered.
struct CapturedAnswer {
  std::optional<http::Response> response;
  // Of an answer that is streamed.
  int status = 0;
  std::string content_type;
  http::Headers headers;
  std::vector<std::string> chunks;
  bool ended = false;

  std::string header(std::string_view name) const {
    for (const auto& [known, value] : response ? response->headers : headers)
      if (known == name) return value;
    return "";
  }
};

// Fills the answer, which outlives it. Every chunk is taken at once.
class CapturingResponder final : public http::Responder {
 public:
  explicit CapturingResponder(CapturedAnswer& answer) : answer_(answer) {}

  void send(http::Response response) override { answer_.response = std::move(response); }
  void send(int status, std::string content_type, http::Headers headers,
            std::shared_ptr<const std::string> body) override {
    answer_.response = {status, std::move(content_type), *body, std::move(headers)};
  }
  void start(int status, std::string content_type, http::Headers headers) override {
    answer_.status = status;
    answer_.content_type = std::move(content_type);
    answer_.headers = std::move(headers);
  }
  void write(std::string chunk, std::function<void(bool)> done) override {
    answer_.chunks.push_back(std::move(chunk));
    done(true);
  }
  void end() override { answer_.ended = true; }
  void on_gone(std::function<void()>) override {}

 private:
  CapturedAnswer& answer_;
};

}  // namespace tailrace::aws
