#include "function/functions.h"

#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "base/json_text.h"
#include "base/uuid.h"
#include "function/pool.h"

namespace tailrace::function {

namespace {

// Memory is looked at this often; the whole process table, which costs more, every tenth time.
constexpr std::chrono::milliseconds look_period{100};
constexpr unsigned looks_per_scan = 10;

class WorkerFunctions final : public Functions {
 public:
  WorkerFunctions(boost::asio::io_context& io, const Account& account, std::string folder,
                  Clock& clock)
      : gate_(std::make_shared<Gate>()),
        platform_{
            io,    clock,       account, folder, folder + "/runtime", random_uuid().substr(0, 8),
            gate_, {io, gate_}, {}} {
    become_subreaper();
    platform_.keeper.watch(look_period, [this] { return look_after(); });
  }

  ~WorkerFunctions() override {
    gate_->close();
    platform_.keeper.stop();
    platform_.completions.drain();
    std::vector<Job> unanswered;
    registry_.with([&](Registry& registry) {
      for (auto& pool : registry.all_pools())
        for (auto& job : pool->shut_down()) unanswered.push_back(std::move(job));
    });
    end_orphans();
    for (auto& job : unanswered) fail(job, "the server is stopping");
  }

  Result<void> prepare() {
    const auto& folder = platform_.folder;
    std::error_code ec;
    end_earlier_workers();
    std::filesystem::remove_all(folder + "/tmp", ec);
    for (const auto& name : {"", "/tmp", "/bytecode", "/runtime"}) {
      std::filesystem::create_directories(folder + name, ec);
      if (ec) return system_error(ec.value(), "make " + folder + name);
    }
    for (const auto& file : runtime_files) {
      auto path = platform_.runtime_folder + "/" + std::string(file.name);
      if (auto written = replace_file(path, file.content); !written)
        return std::move(written).error().during("write the runtime clients");
    }
    return {};
  }

  Result<void> put(FunctionSpec spec) override {
    auto launch = plan_launch(spec, platform_.runtime_folder);
    if (!launch) return std::move(launch).error().during("function " + spec.name);
    auto name = spec.name;
    std::shared_ptr<Pool> before, now;
    registry_.with([&](Registry& registry) {
      auto& entry = registry.functions[name];
      if (!entry.record) entry.record = std::make_shared<FunctionRecord>();
      before = entry.pool;
      now = std::make_shared<Pool>(platform_, std::move(spec), std::move(*launch), entry.record);
      entry.pool = now;
      if (before) registry.retired.push_back(before);
    });
    if (before)
      for (auto& job : before->retire()) hand_over(name, std::move(job));
    return {};
  }

  Result<void> remove(const std::string& name) override {
    std::shared_ptr<Pool> pool;
    registry_.with([&](Registry& registry) {
      auto found = registry.functions.find(name);
      if (found == registry.functions.end()) return;
      pool = found->second.pool;
      registry.retired.push_back(pool);
      registry.functions.erase(found);
    });
    if (!pool) return no_such(name);
    for (auto& job : pool->retire())
      platform_.completions.add([job, name] { fail(job, "function " + name + " was removed"); });
    return {};
  }

  std::optional<FunctionSpec> find(const std::string& name) const override {
    auto entry = entry_of(name);
    return entry.pool ? std::optional(entry.pool->spec()) : std::nullopt;
  }

  void invoke(const std::string& name, Invocation invocation,
              std::function<void(InvokeResult)> done) override {
    if (invocation.request_id.empty()) invocation.request_id = random_uuid();
    hand_over(name, {std::move(invocation), std::move(done)});
  }

  std::vector<LogLine> logs(const std::string& name, std::uint64_t after,
                            std::size_t lines_max) const override {
    auto record = entry_of(name).record;
    return record ? record->log.after(after, lines_max) : std::vector<LogLine>();
  }

  std::uint64_t subscribe_logs(const std::string& name, std::function<void()> wake) override {
    std::shared_ptr<FunctionRecord> record;
    auto id = registry_.with([&](Registry& registry) {
      auto next = ++registry.last_subscription;
      auto found = registry.functions.find(name);
      if (found != registry.functions.end()) {
        record = found->second.record;
        registry.subscribed[next] = record;
      }
      return next;
    });
    if (record) record->log.subscribe(id, std::move(wake));
    return id;
  }

  void unsubscribe_logs(std::uint64_t subscription) override {
    auto record = registry_.with([&](Registry& registry) -> std::shared_ptr<FunctionRecord> {
      auto found = registry.subscribed.find(subscription);
      if (found == registry.subscribed.end()) return nullptr;
      auto subscribed = found->second.lock();
      registry.subscribed.erase(found);
      return subscribed;
    });
    if (record) record->log.unsubscribe(subscription);
  }

  std::vector<Status> status() const override {
    auto functions = registry_.with([](const Registry& registry) { return registry.functions; });
    std::vector<Status> all;
    for (const auto& [name, entry] : functions) {
      auto load = entry.pool->load();
      auto counts = entry.record->counts.with([](const auto& now) { return now; });
      all.push_back({entry.pool->spec(), load.workers, load.busy, counts.invocations, counts.errors,
                     counts.timeouts, counts.crashes, counts.cold_starts, counts.throttles,
                     counts.duration_micros, counts.last_error});
    }
    return all;
  }

 private:
  struct Entry {
    std::shared_ptr<FunctionRecord> record;  // over all versions; pools write to it
    std::shared_ptr<Pool> pool;              // shared with callbacks of the event loop
  };
  struct Registry {
    std::map<std::string, Entry> functions;
    std::vector<std::shared_ptr<Pool>> retired;  // until their last worker ended
    std::map<std::uint64_t, std::weak_ptr<FunctionRecord>> subscribed;
    std::uint64_t last_subscription = 0;

    std::vector<std::shared_ptr<Pool>> all_pools() const {
      auto pools = retired;
      for (const auto& [name, entry] : functions) pools.push_back(entry.pool);
      return pools;
    }
  };

  // Outside the registry's lock: under a pool's lock, which comes first, logs wake their readers.
  void hand_over(const std::string& name, Job job) {
    while (auto pool = entry_of(name).pool)
      if (pool->invoke(job)) return;
    platform_.completions.add(
        [job = std::move(job), message = no_such(name).message] { fail(job, message); });
  }

  static Error no_such(const std::string& name) {
    return {Fault::not_found, "there is no function " + name};
  }

  static void fail(const Job& job, const std::string& message) {
    InvokeResult result;
    result.request_id = job.invocation.request_id;
    result.payload =
        R"({"errorType":"Sandbox.Failure","errorMessage":)" + json_string(message) + "}";
    job.done(std::move(result));
  }

  Entry entry_of(const std::string& name) const {
    return registry_.with([&](const Registry& registry) {
      auto found = registry.functions.find(name);
      return found == registry.functions.end() ? Entry() : found->second;
    });
  }

  // A killed server takes its workers with it, but not what they started in sessions of their own.
  // Each worker's temporary folder, which is still there, is named as its mark.
  void end_earlier_workers() {
    std::set<std::string> marks;
    std::error_code none;
    for (std::filesystem::directory_iterator at(platform_.folder + "/tmp", none), end;
         !none && at != end; at.increment(none))
      marks.insert(at->path().filename().string());
    if (!marks.empty()) kill_marked(marks);
  }

  // Those that hid by clearing their environment; the scans that would have found them have ended.
  void end_orphans() {
    auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    while (clear_orphans(platform_.instance, {}, {}, all_processes()) > 0 &&
           std::chrono::steady_clock::now() < patience)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  // On the keeper's thread. Whether there is anything to look after.
  bool look_after() {
    auto pools = registry_.with([](const Registry& registry) { return registry.all_pools(); });
    std::vector<ProcessInfo> all;
    bool is_scan = ++looks_ % looks_per_scan == 0;
    if (is_scan) {
      all = all_processes();
      std::set<pid_t> leaders;
      std::set<std::string> marks;
      for (const auto& pool : pools) pool->list_leaders(leaders, marks);
      clear_orphans(platform_.instance, leaders, marks, all);
    }
    std::set<std::shared_ptr<Pool>> empty;
    for (const auto& pool : pools) {
      pool->look_after(is_scan ? &all : nullptr);
      if (pool->is_empty()) empty.insert(pool);
    }
    registry_.with([&](Registry& registry) {
      std::erase_if(registry.retired, [&](const auto& pool) { return empty.count(pool) > 0; });
    });
    return empty.size() < pools.size();
  }

  const std::shared_ptr<Gate> gate_;
  Platform platform_;
  Guarded<Registry> registry_;
  unsigned looks_ = 0;  // the keeper's
};

}  // namespace

Result<std::unique_ptr<Functions>> Functions::make(boost::asio::io_context& io,
                                                   const Account& account,
                                                   const std::string& folder, Clock& clock) {
  std::error_code ec;
  auto absolute = std::filesystem::absolute(folder, ec);
  if (ec) return system_error(ec.value(), "find " + folder);
  auto functions =
      std::make_unique<WorkerFunctions>(io, account, absolute.lexically_normal().string(), clock);
  if (auto prepared = functions->prepare(); !prepared) return std::move(prepared).error();
  return std::unique_ptr<Functions>(std::move(functions));
}

}  // namespace tailrace::function
