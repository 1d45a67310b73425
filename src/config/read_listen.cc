#include "config/sections.h"

namespace tailrace::config {
namespace {

std::optional<Endpoint> read_endpoint(Fields& listen, const std::string& name) {
  auto text = listen.text(name);
  if (!text) return std::nullopt;
  auto endpoint = parse_endpoint(*text);
  if (endpoint) return *endpoint;
  listen.error(name, endpoint.error().message);
  return std::nullopt;
}

std::string read_file_name(Reading& reading, Fields& fields, const std::string& name) {
  auto path = fields.text(name);
  if (!path) return {};
  std::string absolute = reading.absolute(*path);
  if (auto content = reading.surroundings().read(absolute); !content)
    fields.error(name, "the file cannot be read: " + content.error().message);
  return absolute;
}

TlsFiles read_tls(Reading& reading, const Node& node, Place place) {
  Fields tls(reading, node, "listen.tls", place, {"certificate", "key"});
  tls.require("certificate");
  tls.require("key");
  TlsFiles files;
  files.certificate = read_file_name(reading, tls, "certificate");
  files.key = read_file_name(reading, tls, "key");
  return files;
}

void check_exposure(Fields& listen, const Config& config) {
  if (is_loopback(config.aws) || (config.tls && !config.keys.empty())) return;
  const char* missing = config.tls            ? "keys (aws.keys)"
                        : config.keys.empty() ? "TLS (listen.tls) and keys (aws.keys)"
                                              : "TLS (listen.tls)";
  listen.error("aws", "\"" + to_string(config.aws) +
                          "\" can be reached from other machines, which needs " + missing +
                          "; add that, or listen on 127.0.0.1, [::1] or localhost");
}

}  // namespace

void read_listen(Reading& reading, const Node& node, Config& config, Parsed& parsed) {
  Fields listen(reading, node, "listen", node.place, {"aws", "admin", "tls"});
  if (const Node* tls = listen.find("tls"))
    config.tls = read_tls(reading, *tls, listen.place_of("tls"));
  if (auto aws = read_endpoint(listen, "aws")) {
    config.aws = *aws;
    check_exposure(listen, config);
  }
  if (auto admin = read_endpoint(listen, "admin")) {
    if (is_loopback(*admin)) {
      config.admin = *admin;
      parsed.admin = *admin;
    } else {
      listen.error("admin", "\"" + to_string(*admin) +
                                "\" can be reached from other machines, and the admin port has "
                                "no keys; listen on 127.0.0.1, [::1] or localhost");
    }
  }
  if (config.aws == config.admin)
    reading.error(node.place, "listen",
                  "aws and admin are both " + to_string(config.aws) + "; they need a port each");
}

}  // namespace tailrace::config
