#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "http/server.h"

namespace tailrace::http {

// A peer that says exactly what it is told.
class Peer {
 public:
  explicit Peer(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    timeval patience{20, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ =
        ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  bool connected() const { return connected_; }

  void say(std::string_view bytes) {
    while (!bytes.empty()) {
      auto count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  // Reads until the text was seen; what came so far when the connection ends first.
  std::string hear_until(std::string_view end) {
    while (heard_.find(end) == std::string::npos && hear_some()) {
    }
    auto at = heard_.find(end);
    auto length = at == std::string::npos ? heard_.size() : at + end.size();
    auto text = heard_.substr(0, length);
    heard_.erase(0, length);
    return text;
  }

  std::string hear_all() {
    while (hear_some()) {
    }
    return std::exchange(heard_, {});
  }

  // What has arrived, waiting for the first byte of it; empty at the end.
  std::string hear() {
    if (heard_.empty()) hear_some();
    return std::exchange(heard_, {});
  }

  void leave() { socket_ = UniqueFd(); }
  int fd() const { return socket_.get(); }

 private:
  bool hear_some() {
    char bytes[4096];
    auto count = ::recv(socket_.get(), bytes, sizeof bytes, 0);
    if (count < 0 && errno == EAGAIN) ADD_FAILURE() << "the server neither answers nor closes";
    if (count <= 0) return false;
    heard_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }

  UniqueFd socket_;
  bool connected_ = false;
  std::string heard_;
};

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { io_.run(); });
  }

  void TearDown() override {
    server_.reset();
    work_.reset();
    for (auto& thread : threads_) thread.join();
  }

  void serve(Handler handler, Server::Options options = {}) {
    auto listening = Server::listen(io_, std::move(options), std::move(handler));
    ASSERT_TRUE(listening) << listening.error().message;
    server_ = std::move(*listening);
  }

  void serve_echo(Server::Options options = {}) {
    serve(
        [](Request request, std::shared_ptr<Responder> responder) {
          responder->send(
              {200, "text/plain", request.method + " " + request.path + " " + request.body, {}});
        },
        std::move(options));
  }

  Peer peer() { return Peer(server_->port()); }

  std::string answer_to(std::string_view bytes) {
    auto someone = peer();
    someone.say(bytes);
    return someone.hear_all();
  }

  boost::asio::io_context io_{2};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::vector<std::thread> threads_;
  std::unique_ptr<Server> server_;
};

}  // namespace tailrace::http
