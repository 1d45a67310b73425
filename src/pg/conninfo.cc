#include "pg/conninfo.h"

#include <libpq-fe.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

namespace tailrace::pg {
namespace {

// Output settings go into the startup packet, where they win over ALTER ROLE and ALTER DATABASE.
// The timeouts are the operator's protection against forgotten sessions; a long COPY or a session
// that holds a snapshot is not one. (Timeouts that 13 does not know are set after connecting.)
constexpr std::string_view session_settings =
    "-c DateStyle=ISO -c IntervalStyle=postgres -c TimeZone=UTC -c bytea_output=hex "
    "-c extra_float_digits=3 -c lc_monetary=C -c standard_conforming_strings=on "
    "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0";
// A policy then raises an error rather than silently hiding rows from a load.
constexpr std::string_view sql_settings = " -c row_security=off";

// Where Debian keeps the authorities that managed services have their certificates from.
constexpr const char* system_authorities = "/etc/ssl/certs/ca-certificates.crt";

Result<Conninfo> parse(const std::string& uri) {
  char* problem = nullptr;
  std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(
      PQconninfoParse(uri.c_str(), &problem), &PQconninfoFree);
  if (parsed == nullptr) {
    std::string text = problem == nullptr ? "no memory" : problem;
    PQfreemem(problem);
    while (text.ends_with('\n')) text.pop_back();
    return Error{Fault::invalid, "connection URI " + redact_uri(uri) + ": " + text};
  }
  Conninfo settings;
  for (auto* option = parsed.get(); option->keyword != nullptr; ++option)
    if (option->val != nullptr) settings[option->keyword] = option->val;
  return settings;
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts{""};
  for (char c : list) {
    if (c == ',')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

bool is_local(std::string_view host) {
  return host.empty() || host.starts_with('/') || host.starts_with('@') || host == "localhost" ||
         host.starts_with("127.") || host == "::1" || host == "0:0:0:0:0:0:0:1";
}

// From the URI, else from libpq's variable of the environment.
std::string setting(const Conninfo& settings, const std::string& keyword, Environment environment,
                    const char* variable) {
  if (auto found = settings.find(keyword); found != settings.end()) return found->second;
  const char* value = environment(variable);
  return value == nullptr ? "" : value;
}

// libpq's own default lets a man in the middle switch encryption off.
void protect(Conninfo& settings, Environment environment) {
  if (!setting(settings, "sslmode", environment, "PGSSLMODE").empty()) return;
  // A service file is where an operator keeps such settings; it is taken as it is.
  if (!setting(settings, "service", environment, "PGSERVICE").empty()) return;
  std::string host = setting(settings, "hostaddr", environment, "PGHOSTADDR");
  if (host.empty()) host = setting(settings, "host", environment, "PGHOST");
  if (is_local(host)) return;
  settings["sslmode"] = "verify-full";
  if (!setting(settings, "sslrootcert", environment, "PGSSLROOTCERT").empty()) return;
  const char* home = environment("HOME");
  bool has_own =
      home != nullptr && ::access((std::string(home) + "/.postgresql/root.crt").c_str(), R_OK) == 0;
  if (!has_own && ::access(system_authorities, R_OK) == 0)
    settings["sslrootcert"] = system_authorities;
}

}  // namespace

Result<std::vector<Conninfo>> conninfos_of(const Connection::Options& options,
                                           Environment environment) {
  auto parsed = parse(options.uri);
  if (!parsed) return std::move(parsed).error();
  Conninfo settings = std::move(*parsed);

  std::string session = setting(settings, "options", environment, "PGOPTIONS");
  if (!session.empty()) session += ' ';
  session += session_settings;
  settings.erase("replication");
  if (options.kind == Connection::Kind::replication)
    settings["replication"] = "database";
  else
    session += sql_settings;
  settings["options"] = session;
  settings["client_encoding"] = "UTF8";
  settings["application_name"] = options.application_name;
  // The wire is read without libpq, which knows TLS but not GSSAPI encryption outside of itself.
  settings["gssencmode"] = "disable";
  settings.try_emplace("connect_timeout", std::to_string(options.connect_timeout.count()));
  // A peer that vanished without a word is noticed within two minutes instead of two hours.
  settings.try_emplace("keepalives_idle", "60");
  settings.try_emplace("keepalives_interval", "15");
  settings.try_emplace("keepalives_count", "4");

  std::string host_list = setting(settings, "host", environment, "PGHOST");
  std::string address_list = setting(settings, "hostaddr", environment, "PGHOSTADDR");
  std::string port_list = setting(settings, "port", environment, "PGPORT");
  auto hosts = split(host_list), addresses = split(address_list), ports = split(port_list);
  std::size_t count = std::max(hosts.size(), addresses.size());
  auto fits = [&](const std::string& list, const auto& parts) {
    return list.empty() || parts.size() == count || (&parts == &ports && parts.size() == 1);
  };
  if (!fits(host_list, hosts) || !fits(address_list, addresses) || !fits(port_list, ports))
    return Error{Fault::invalid, "connection URI " + redact_uri(options.uri) +
                                     ": as many ports and addresses as hosts are needed"};

  std::vector<Conninfo> each;
  for (std::size_t i = 0; i < count; ++i) {
    Conninfo one = settings;
    if (!host_list.empty()) one["host"] = hosts[i];
    if (!address_list.empty()) one["hostaddr"] = addresses[i];
    if (!port_list.empty()) one["port"] = ports.size() == 1 ? ports[0] : ports[i];
    protect(one, environment);
    each.push_back(std::move(one));
  }
  return each;
}

std::string quote_identifier(std::string_view name) {
  std::string quoted = "\"";
  for (char c : name) {
    if (c == '"') quoted += c;
    quoted += c;
  }
  return quoted + '"';
}

std::string quote_literal(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) {
    if (c == '\'') quoted += c;
    quoted += c;
  }
  return quoted + '\'';
}

std::string redact_uri(std::string_view uri) {
  constexpr std::string_view hidden = "***";
  std::string text(uri);
  bool is_uri = text.starts_with("postgresql://") || text.starts_with("postgres://");
  if (is_uri) {
    // The last @ before the parameters: a password with an @ or / that should have been encoded
    // is hidden all the same.
    auto user = text.find("://") + 3;
    auto at = text.substr(0, text.find('?')).rfind('@');
    auto colon = text.find(':', user);
    if (at != std::string::npos && colon != std::string::npos && colon < at)
      text.replace(colon + 1, at - colon - 1, hidden);
  }
  // password=..., also as the end of sslpassword=...
  for (auto found = text.find("password"); found != std::string::npos;
       found = text.find("password", found + 1)) {
    auto begin = text.find_first_not_of(' ', found + 8);
    if (begin == std::string::npos || text[begin] != '=') continue;
    begin = text.find_first_not_of(' ', begin + 1);
    if (begin == std::string::npos) break;
    bool quoted = !is_uri && text[begin] == '\'';
    auto end = begin + (quoted ? 1 : 0);
    while (end < text.size() && (quoted ? text[end] != '\'' : text[end] != (is_uri ? '&' : ' '))) {
      if (!is_uri && text[end] == '\\') ++end;
      ++end;
    }
    end = std::min(end + (quoted ? 1 : 0), text.size());
    text.replace(begin, end - begin, hidden);
  }
  return text;
}

}  // namespace tailrace::pg
