#include <array>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/write.hpp>

#include "http/transport.h"

namespace tailrace::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(Socket socket) : socket_(std::move(socket)) {
    error_code ignored;
    socket_.non_blocking(true, ignored);
  }

  void open(User user) override { user->on_open({}, {}); }

  void read(asio::mutable_buffer into, User user) override {
    socket_.async_read_some(into, [user = std::move(user)](error_code ec, std::size_t count) {
      user->on_read(ec, count);
    });
  }

  // Nearly every answer fits into the socket's buffer: written at once it costs one call of the
  // system and no turn of the event loop.
  Sent write(const Output& output, const User& user) override {
    std::array<asio::const_buffer, 3> buffers;
    for (std::size_t i = 0; i < buffers.size(); ++i)
      buffers[i] = asio::buffer(output.pieces[i].data(), output.pieces[i].size());
    error_code ec;
    auto count = socket_.write_some(buffers, ec);
    if (ec && ec != asio::error::would_block) return Sent::failed;
    if (count == asio::buffer_size(buffers)) return Sent::all;
    for (auto& buffer : buffers) {
      auto part = std::min(count, buffer.size());
      buffer += part;
      count -= part;
    }
    asio::async_write(socket_, buffers,
                      [user](error_code error, std::size_t) { user->on_written(error); });
    return Sent::later;
  }

  void end_sending() override {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
  }

  void shut(User user) override { user->on_shut(); }

  Socket& socket() override { return socket_; }

 private:
  Socket socket_;
};

}  // namespace

std::unique_ptr<Transport> plain_transport(Socket socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

}  // namespace tailrace::http
