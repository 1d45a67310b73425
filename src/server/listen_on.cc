#include "server/listen_on.h"

namespace tailrace::server {

http::Server::Options listen_on(const config::Endpoint& endpoint) {
  http::Server::Options options;
  options.host = endpoint.host;
  options.port = endpoint.port;
  options.hosts_allowed = {"localhost", "127.0.0.1", "::1", endpoint.host};
  return options;
}

}  // namespace tailrace::server
