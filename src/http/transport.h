#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <cstddef>
#include <memory>
#include <string_view>

#include "http/session.h"

namespace boost::asio::ssl {
class context;
}

namespace tailrace::http {

using Strand = boost::asio::strand<boost::asio::io_context::executor_type>;
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Strand>;

// Whom a transport tells what became of its operations, on the socket's strand.
class TransportUser {
 public:
  virtual ~TransportUser() = default;
  // The handshake is over; the protocol that it chose ("h2", "http/1.1") or nothing.
  virtual void on_open(boost::system::error_code error, std::string_view protocol) = 0;
  virtual void on_read(boost::system::error_code error, std::size_t bytes) = 0;
  virtual void on_written(boost::system::error_code error) = 0;
  virtual void on_shut() = 0;
};

// How bytes reach the peer: a socket, or TLS over one. At most one read and one write at a time;
// the user is kept alive until it was told.
class Transport {
 public:
  enum class Sent { all, later, failed };
  using User = std::shared_ptr<TransportUser>;

  virtual ~Transport() = default;
  virtual void open(User user) = 0;
  virtual void read(boost::asio::mutable_buffer into, User user) = 0;
  // `later`: on_written() follows, and the output must stay in place until then.
  virtual Sent write(const Output& output, const User& user) = 0;
  // Tells the peer that nothing more comes, where that can be told in this protocol while it still
  // sends.
  virtual void end_sending() = 0;
  // Says goodbye as the protocol has it; then on_shut().
  virtual void shut(User user) = 0;
  virtual Socket& socket() = 0;
};

std::unique_ptr<Transport> plain_transport(Socket socket);
std::unique_ptr<Transport> tls_transport(Socket socket, boost::asio::ssl::context& context);

}  // namespace tailrace::http
