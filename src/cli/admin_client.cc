#include "cli/admin_client.h"

#include <curl/curl.h>

#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/server_address.h"

namespace tailrace::cli {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

// Nothing of ours that is not live is larger; a server that sends without end is cut off.
constexpr std::size_t body_bytes_max = 256u << 20;
constexpr std::size_t line_bytes_max = 64u << 20;

struct CloseHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Handle = std::unique_ptr<CURL, CloseHandle>;
using Headers = std::unique_ptr<curl_slist, CloseHandle>;

std::optional<Fault> fault_named(std::string_view name) {
  constexpr std::array all = {Fault::invalid,     Fault::not_found, Fault::conflict, Fault::denied,
                              Fault::unavailable, Fault::timeout,   Fault::full,     Fault::corrupt,
                              Fault::fenced,      Fault::gap,       Fault::internal};
  for (Fault fault : all) {
    if (name_of(fault) == name) return fault;
  }
  return std::nullopt;
}

Error error_of_answer(long status, const std::string& body) {
  json answer = json::parse(body, nullptr, false);
  if (answer.is_object() && answer.contains("error") && answer["error"].is_object()) {
    const json& error = answer["error"];
    auto fault = fault_named(error.value("fault", ""));
    if (fault) return {*fault, error.value("message", "")};
  }
  return {Fault::internal,
          "the server answered HTTP " + std::to_string(status) + "; is it Tailrace's admin port?"};
}

Error error_of_transfer(CURLcode code, const config::Endpoint& server) {
  const std::string address = to_string(server);
  switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
      return {Fault::unavailable,
              "no server answers at " + address +
                  "; start one with \"tailrace run\", or name it with --admin HOST:PORT"};
    case CURLE_OPERATION_TIMEDOUT:
      return {Fault::timeout, "the server at " + address + " did not answer in time"};
    default:
      return {Fault::unavailable,
              "the connection to " + address + " broke: " + curl_easy_strerror(code)};
  }
}

Handle new_handle(const config::Endpoint& server, const std::string& path) {
  static const bool initialized = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  Handle handle(initialized ? curl_easy_init() : nullptr);
  if (!handle) return handle;
  const std::string url = "http://" + to_string(server) + path;
  curl_easy_setopt(handle.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle.get(), CURLOPT_PROTOCOLS_STR, "http");
  // The server is on this machine: a proxy of the environment has no part in it.
  curl_easy_setopt(handle.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(handle.get(), CURLOPT_CONNECTTIMEOUT_MS, 5000L);
  return handle;
}

struct Body {
  std::string text;
  static std::size_t take(char* data, std::size_t, std::size_t count, void* self) {
    auto& body = *static_cast<Body*>(self);
    if (body.text.size() + count > body_bytes_max) return 0;
    body.text.append(data, count);
    return count;
  }
};

// Cuts what arrives into lines.
struct Lines {
  CURL* handle;
  const std::function<bool(std::string_view)>& take_line;
  std::string rest = {};
  bool enough = false;

  static std::size_t take(char* data, std::size_t, std::size_t count, void* self) {
    auto& lines = *static_cast<Lines*>(self);
    lines.rest.append(data, count);
    long status = 0;
    curl_easy_getinfo(lines.handle, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) return lines.rest.size() > line_bytes_max ? 0 : count;
    std::size_t start = 0;
    for (std::size_t end; (end = lines.rest.find('\n', start)) != std::string::npos;
         start = end + 1) {
      std::string_view line = std::string_view(lines.rest).substr(start, end - start);
      if (!line.empty() && !lines.take_line(line)) {
        lines.enough = true;
        return 0;
      }
    }
    lines.rest.erase(0, start);
    return lines.rest.size() > line_bytes_max ? 0 : count;
  }
};

int end_when_unwanted(void* wanted, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return (*static_cast<const std::function<bool()>*>(wanted))() ? 0 : 1;
}

}  // namespace

Result<AdminClient> AdminClient::find(const Session& session) {
  auto server = server_address(session.settings);
  if (!server) return std::move(server).error();
  return AdminClient(*std::move(server));
}

Result<std::string> AdminClient::get(const std::string& path, milliseconds patience) {
  return exchange("GET", path, nullptr, patience);
}

Result<std::string> AdminClient::post(const std::string& path, const std::string& body,
                                      milliseconds patience) {
  return exchange("POST", path, &body, patience);
}

Result<std::string> AdminClient::remove(const std::string& path) {
  return exchange("DELETE", path, nullptr, std::chrono::seconds(60));
}

Result<std::string> AdminClient::exchange(const char* method, const std::string& path,
                                          const std::string* body, milliseconds patience) {
  Handle handle = new_handle(server_, path);
  if (!handle) return Error{Fault::internal, "libcurl cannot be started"};
  Headers headers(curl_slist_append(nullptr, "Content-Type: application/json"));
  Body answer;
  curl_easy_setopt(handle.get(), CURLOPT_CUSTOMREQUEST, method);
  curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(patience.count()));
  curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, &Body::take);
  curl_easy_setopt(handle.get(), CURLOPT_WRITEDATA, &answer);
  if (body) {
    curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(body->size()));
    curl_easy_setopt(handle.get(), CURLOPT_POSTFIELDS, body->data());
  }
  CURLcode code = curl_easy_perform(handle.get());
  if (code != CURLE_OK) return error_of_transfer(code, server_);
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status < 200 || status > 299) return error_of_answer(status, answer.text);
  return std::move(answer.text);
}

Result<void> AdminClient::follow(const std::string& path, std::optional<milliseconds> time,
                                 const std::function<bool(std::string_view line)>& take,
                                 const std::function<bool()>& wanted) {
  Handle handle = new_handle(server_, path);
  if (!handle) return Error{Fault::internal, "libcurl cannot be started"};
  Lines lines{handle.get(), take};
  curl_easy_setopt(handle.get(), CURLOPT_WRITEFUNCTION, &Lines::take);
  curl_easy_setopt(handle.get(), CURLOPT_WRITEDATA, &lines);
  curl_easy_setopt(handle.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle.get(), CURLOPT_XFERINFOFUNCTION, &end_when_unwanted);
  curl_easy_setopt(handle.get(), CURLOPT_XFERINFODATA,
                   const_cast<void*>(static_cast<const void*>(&wanted)));
  // 0 would be libcurl's word for "no limit".
  if (time)
    curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT_MS,
                     static_cast<long>(std::max<std::int64_t>(time->count(), 1)));
  CURLcode code = curl_easy_perform(handle.get());
  if (lines.enough || code == CURLE_ABORTED_BY_CALLBACK) return {};
  if (code == CURLE_OPERATION_TIMEDOUT && time) return {};
  if (code != CURLE_OK) return error_of_transfer(code, server_);
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return error_of_answer(status, lines.rest);
  return {};
}

}  // namespace tailrace::cli
