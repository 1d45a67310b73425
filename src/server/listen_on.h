#pragma once

#include "config/config.h"
#include "http/server.h"

namespace tailrace::server {

// A server there that only requests for this host or for loopback reach: what a page that rebinds
// DNS cannot send.
http::Server::Options listen_on(const config::Endpoint& endpoint);

}  // namespace tailrace::server
