#include <nlohmann/json.hpp>

#include "admin/answer.h"
#include "admin/routes.h"
#include "admin/status_json.h"
#include "base/rfc3339.h"

namespace tailrace::admin {

using json = nlohmann::ordered_json;

namespace {

void answer_readiness(Parts& parts, const Call& call) {
  bool ok = true;
  json checks = json::array();
  for (const Parts::Check& check : parts.readiness()) {
    ok = ok && check.ok;
    checks.push_back({{"name", check.name}, {"ok", check.ok}, {"reason", check.reason}});
  }
  json body{{"status", ok ? "ok" : "failing"}};
  if (!ok || text_in(call.request, "verbose") != nullptr) body["checks"] = std::move(checks);
  answer(*call.responder, body, ok ? 200 : 503);
}

void answer_status(Parts& parts, const Call& call) {
  Parts::About about = parts.about();
  answer(*call.responder, {{"version", about.version},
                           {"started", rfc3339(about.started)},
                           {"data", about.data},
                           {"aws", about.aws},
                           {"admin", about.admin},
                           {"tasks", tasks_json(parts)},
                           {"streams", streams_json(parts)},
                           {"functions", functions_json(parts)},
                           {"triggers", triggers_json(parts)}});
}

}  // namespace

void add_health_routes(Router& router, Parts& parts) {
  router.add("GET", "/livez", [](const Call& call) {
    answer(*call.responder, {{"status", "ok"}});
  });
  router.add("GET", "/readyz", [&parts](const Call& call) { answer_readiness(parts, call); });
  router.add("GET", "/v1/status", [&parts](const Call& call) { answer_status(parts, call); });
}

}  // namespace tailrace::admin
