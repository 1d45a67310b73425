#pragma once

#include <nghttp2/nghttp2.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/server_fixture.h"

namespace tailrace::http {

// An HTTP/2 client for tests: nghttp2 over a blocking socket. It reads only inside until().
class Http2Client {
 public:
  struct Answer {
    std::string status;
    std::map<std::string, std::string> headers;
    std::string body;
    bool closed = false;
    std::uint32_t error = 0;
  };
  struct Options {
    // False: DATA uses up the windows until consume() is called.
    bool opens_windows = true;
  };

  explicit Http2Client(std::uint16_t port) : Http2Client(port, Options{}) {}
  Http2Client(std::uint16_t port, Options options) : peer_(port) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, !options.opens_windows);
    // Before the server's settings have come.
    nghttp2_option_set_peer_max_concurrent_streams(option, 100'000);
    nghttp2_session* session = nullptr;
    nghttp2_session_client_new2(&session, callbacks, this, option);
    session_.reset(session);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0);
  }

  using Fields = std::vector<std::pair<std::string, std::string>>;

  std::int32_t request(const Fields& more = {}, std::string body = {},
                       std::string_view method = "POST", std::string_view path = "/a") {
    Fields fields = {{":method", std::string(method)},
                     {":path", std::string(path)},
                     {":scheme", "http"},
                     {":authority", "localhost:1"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return submit(fields, std::move(body));
  }

  std::int32_t submit(const Fields& fields, std::string body) {
    std::vector<nghttp2_nv> pairs;
    for (const auto& [name, value] : fields)
      pairs.push_back({bytes_of(name), bytes_of(value), name.size(), value.size(), 0});
    auto upload = std::make_unique<Upload>(Upload{std::move(body), 0});
    nghttp2_data_provider provider{};
    provider.source.ptr = upload.get();
    provider.read_callback = read_upload;
    auto id = nghttp2_submit_request(session_.get(), nullptr, pairs.data(), pairs.size(),
                                     upload->bytes.empty() ? nullptr : &provider, nullptr);
    uploads_.push_back(std::move(upload));
    send();
    return id;
  }

  // Sends and reads until it holds or the connection ends; says which.
  bool until(const std::function<bool()>& holds) {
    while (!holds()) {
      auto bytes = peer_.hear();
      if (bytes.empty()) return false;
      auto used = nghttp2_session_mem_recv(
          session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
      if (used < 0) return false;
      send();
    }
    return true;
  }

  const Answer& answer(std::int32_t id) {
    EXPECT_TRUE(until([&] { return answers[id].closed; })) << "the connection ended";
    return answers[id];
  }

  void send() {
    const std::uint8_t* bytes = nullptr;
    for (ssize_t size; (size = nghttp2_session_mem_send(session_.get(), &bytes)) > 0;)
      peer_.say({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
  }

  void reset(std::int32_t id) {
    nghttp2_submit_rst_stream(session_.get(), 0, id, NGHTTP2_CANCEL);
    send();
  }

  void ping() {
    nghttp2_submit_ping(session_.get(), 0, nullptr);
    send();
  }

  void consume(std::int32_t id, std::size_t bytes) {
    nghttp2_session_consume(session_.get(), id, bytes);
    send();
  }

  Peer& peer() { return peer_; }

  std::map<std::int32_t, Answer> answers;
  int pongs = 0;
  bool goaway = false;
  std::uint32_t goaway_error = 0;

 private:
  struct Upload {
    std::string bytes;
    std::size_t sent;
  };
  struct Deleter {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  static std::uint8_t* bytes_of(const std::string& text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  }
  static Http2Client& self(void* user) { return *static_cast<Http2Client*>(user); }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_length, const std::uint8_t* value, std::size_t value_length,
                       std::uint8_t, void* user) {
    auto& answer = self(user).answers[frame->hd.stream_id];
    std::string key(reinterpret_cast<const char*>(name), name_length);
    std::string text(reinterpret_cast<const char*>(value), value_length);
    if (key == ":status")
      answer.status += (answer.status.empty() ? "" : " ") + text;
    else
      answer.headers[key] = text;
    return 0;
  }

  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                     std::size_t length, void* user) {
    self(user).answers[id].body.append(reinterpret_cast<const char*>(bytes), length);
    return 0;
  }

  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
    self(user).answers[id].closed = true;
    self(user).answers[id].error = error;
    return 0;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK)) ++self(user).pongs;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
      self(user).goaway = true;
      self(user).goaway_error = frame->goaway.error_code;
    }
    return 0;
  }

  static ssize_t read_upload(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t room,
                             std::uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& upload = *static_cast<Upload*>(source->ptr);
    auto count = upload.bytes.copy(reinterpret_cast<char*>(into), room, upload.sent);
    upload.sent += count;
    if (upload.sent == upload.bytes.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(count);
  }

  Peer peer_;
  std::unique_ptr<nghttp2_session, Deleter> session_;
  std::vector<std::unique_ptr<Upload>> uploads_;
};

}  // namespace tailrace::http
