#pragma once

#include "admin/admin.h"
#include "admin/router.h"
#include "base/blocking_pool.h"
#include "http/open_answers.h"

namespace tailrace::admin {

// Each group of paths, one file each (docs/admin-api.md).
void add_health_routes(Router& router, Parts& parts);
void add_metrics_routes(Router& router, Parts& parts);
void add_stream_routes(Router& router, boost::asio::io_context& io, http::OpenAnswers& open,
                       Parts& parts);
// `calls` for what ends soon, `waits` for waits as long as the peer likes.
void add_task_routes(Router& router, boost::asio::io_context& io, http::OpenAnswers& open,
                     BlockingPool& calls, BlockingPool& waits, Parts& parts);
void add_function_routes(Router& router, boost::asio::io_context& io, http::OpenAnswers& open,
                         Parts& parts);
void add_trigger_routes(Router& router, BlockingPool& calls, Parts& parts);

}  // namespace tailrace::admin
