#pragma once

#include <memory>

#include "base/result.h"
#include "http/server.h"

namespace boost::asio::ssl {
class context;
}

namespace tailrace::http {

// What all TLS connections of a server share: certificate, key, rules. Fault::not_found, denied or
// invalid, naming the file.
Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(const Server::Tls& tls);

// The first byte of a TLS connection: a handshake record (RFC 8446, 5.1).
constexpr char tls_first_byte = 0x16;

}  // namespace tailrace::http
