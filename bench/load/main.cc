// The load generator of `make bench`: one kind of load against one server on this machine, its
// figures as one JSON object on standard output.

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "load/closed_loop.h"
#include "load/fan_out.h"
#include "load/trivial_server.h"

namespace tailrace::load {
namespace {

struct Arguments {
  Target target;
  unsigned connections = 1;
  double warm_up_seconds = 1, seconds = 5, per_second = 200;
  std::size_t bytes = 100, batch = 500, limit = 1000;

  Clock::duration warm_up() const { return duration(warm_up_seconds); }
  Clock::duration measure() const { return duration(seconds); }

 private:
  static Clock::duration duration(double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }
};

nlohmann::json milliseconds(Latencies& latencies) {
  return {{"count", latencies.count()},          {"p50", latencies.percentile(0.5)},
          {"p90", latencies.percentile(0.9)},    {"p99", latencies.percentile(0.99)},
          {"p999", latencies.percentile(0.999)}, {"max", latencies.max()}};
}

double own_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void print(nlohmann::json figures) {
  figures["generator_cpu_seconds"] = own_cpu_seconds();
  std::cout << figures << std::endl;
}

void closed_loop(const Arguments& given,
                 const std::function<std::unique_ptr<Workload>(unsigned)>& workload) {
  Measured measured = run_closed_loop(given.target.port, given.connections, given.warm_up(),
                                      given.measure(), workload);
  print({{"seconds", measured.seconds},
         {"requests", measured.latencies.count()},
         {"records", measured.records},
         {"records_per_second", measured.records / measured.seconds},
         {"errors", measured.errors},
         {"first_error", measured.first_error},
         {"latency_ms", milliseconds(measured.latencies)}});
}

void fan_out(const Arguments& given, std::unique_ptr<Reader> reader,
             std::unique_ptr<Writer> writer) {
  FanOut measured = measure_fan_out(
      *writer, *reader,
      {.per_second = given.per_second, .warm_up = given.warm_up(), .measure = given.measure()},
      given.bytes);
  print({{"arrived_ms", milliseconds(measured.arrived)},
         {"acknowledged_ms", milliseconds(measured.acknowledged)}});
}

int run(int argc, char** argv) {
  CLI::App app("The load generator of make bench", "kinesis_load");
  app.require_subcommand(1);
  Arguments given;
  auto command = [&](const char* name, const char* about) {
    CLI::App* made = app.add_subcommand(name, about);
    made->add_option("--port", given.target.port, "of the server on 127.0.0.1")->required();
    return made;
  };
  auto load = [&](const char* name, const char* about) {
    CLI::App* made = command(name, about);
    made->add_option("--stream", given.target.stream, "its stream or key")->required();
    made->add_option("--seconds", given.seconds, "to measure");
    made->add_option("--warm-up", given.warm_up_seconds, "seconds before that");
    return made;
  };
  auto loop = [&](const char* name, const char* about) {
    CLI::App* made = load(name, about);
    made->add_option("--connections", given.connections, "each with one request in flight");
    return made;
  };

  CLI::App* put = loop("put-record", "PutRecord");
  put->add_option("--bytes", given.bytes, "of data");
  put->callback([&] {
    closed_loop(given, [&](unsigned n) { return put_record(given.target, given.bytes, n); });
  });

  CLI::App* puts = loop("put-records", "PutRecords");
  puts->add_option("--bytes", given.bytes, "of data in a record");
  puts->add_option("--batch", given.batch, "records in a request");
  puts->callback([&] {
    closed_loop(given,
                [&](unsigned n) { return put_records(given.target, given.bytes, given.batch, n); });
  });

  CLI::App* get = loop("get-records", "GetRecords from the beginning of the shards, over and over");
  get->add_option("--limit", given.limit, "records in an answer");
  get->callback([&] {
    closed_loop(given, [&](unsigned n) { return get_records(given.target, given.limit, n); });
  });

  CLI::App* kinesis = load("fan-out", "PutRecord to SubscribeToShard, a stream of one shard");
  CLI::App* redis = load("redis-fan-out", "XADD to XREADGROUP");
  for (CLI::App* made : {kinesis, redis}) {
    made->add_option("--bytes", given.bytes, "of data in a record");
    made->add_option("--per-second", given.per_second, "records, at most");
  }
  kinesis->callback(
      [&] { fan_out(given, kinesis_subscriber(given.target), kinesis_writer(given.target)); });
  redis->callback([&] { fan_out(given, redis_group(given.target), redis_writer(given.target)); });

  command("serve", "answer everything at once: what the generator itself can reach")->callback([&] {
    serve_trivially(given.target.port);
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::cerr << "kinesis_load: " << error.what() << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace tailrace::load

int main(int argc, char** argv) { return tailrace::load::run(argc, argv); }
