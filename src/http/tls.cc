#include "http/tls.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <array>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstdio>
#include <string>

#include "http/transport.h"

namespace tailrace::http {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;

namespace {

// What we speak, as ALPN has it: each name behind its length.
constexpr std::string_view offered = "\x02h2\x08http/1.1";

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* length,
                    const unsigned char* asked, unsigned asked_length, void*) {
  unsigned char* out = nullptr;
  auto* ours = reinterpret_cast<const unsigned char*>(offered.data());
  int found = SSL_select_next_proto(&out, length, ours, offered.size(), asked, asked_length);
  *chosen = out;
  // A peer that knows neither hears so in the handshake (RFC 7301, 3.2).
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

class TlsTransport final : public Transport {
 public:
  TlsTransport(Socket socket, ssl::context& context) : stream_(std::move(socket), context) {}

  void open(User user) override {
    stream_.async_handshake(ssl::stream_base::server,
                            [this, user = std::move(user)](error_code ec) {
                              const unsigned char* name = nullptr;
                              unsigned length = 0;
                              SSL_get0_alpn_selected(stream_.native_handle(), &name, &length);
                              user->on_open(ec, {reinterpret_cast<const char*>(name), length});
                            });
  }

  void read(asio::mutable_buffer into, User user) override {
    stream_.async_read_some(into, [user = std::move(user)](error_code ec, std::size_t count) {
      user->on_read(ec, count);
    });
  }

  Sent write(const Output& output, const User& user) override {
    std::array<asio::const_buffer, 3> buffers;
    for (std::size_t i = 0; i < buffers.size(); ++i)
      buffers[i] = asio::buffer(output.pieces[i].data(), output.pieces[i].size());
    asio::async_write(stream_, buffers,
                      [user](error_code ec, std::size_t) { user->on_written(ec); });
    return Sent::later;
  }

  // A peer that still sends takes our close_notify for an end of both directions.
  void end_sending() override {}

  // Our close_notify is all that it takes (RFC 8446, 6.1): a peer that keeps the connection in a
  // pool answers it when it next looks there. So its own counts as received.
  void shut(User user) override {
    SSL_set_shutdown(stream_.native_handle(), SSL_RECEIVED_SHUTDOWN);
    stream_.async_shutdown([user = std::move(user)](error_code) { user->on_shut(); });
  }

  Socket& socket() override { return stream_.next_layer(); }

 private:
  ssl::stream<Socket> stream_;
};

Error file_error(const std::string& path, std::string_view what, const error_code& ec) {
  if (std::FILE* file = std::fopen(path.c_str(), "r"))
    std::fclose(file);
  else
    return system_error(errno, "open the " + std::string(what) + " " + path);
  return Error{Fault::invalid,
               "the " + std::string(what) + " " + path + " is no PEM that serves: " + ec.message()};
}

}  // namespace

Result<std::shared_ptr<ssl::context>> make_tls_context(const Server::Tls& tls) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(
      native, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // An idle connection keeps no buffers.
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(native, choose_protocol, nullptr);

  error_code ec;
  context->use_certificate_chain_file(tls.certificate_file, ec);
  if (ec) return file_error(tls.certificate_file, "certificate", ec);
  context->use_private_key_file(tls.key_file, ssl::context::pem, ec);
  if (ERR_GET_REASON(static_cast<unsigned long>(ec.value())) == X509_R_KEY_VALUES_MISMATCH)
    return Error{Fault::invalid, "the key " + tls.key_file +
                                     " does not belong to the certificate " + tls.certificate_file};
  if (ec) return file_error(tls.key_file, "key", ec);
  return context;
}

std::unique_ptr<Transport> tls_transport(Socket socket, ssl::context& context) {
  return std::make_unique<TlsTransport>(std::move(socket), context);
}

}  // namespace tailrace::http
