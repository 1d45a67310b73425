#include "pg/testing/postgres_server.h"

#include <fcntl.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

namespace tailrace::pg::testing {
namespace {

namespace fs = std::filesystem;

Result<fs::path> find_programs() {
  if (const char* named = std::getenv("TAILRACE_TEST_POSTGRES")) return fs::path(named);
  std::optional<std::pair<int, fs::path>> newest;
  std::error_code failure;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", failure)) {
    int number = std::atoi(version.path().filename().c_str());
    if (fs::exists(version.path() / "bin/initdb") && (!newest || number > newest->first))
      newest = {number, version.path() / "bin"};
  }
  if (newest) return newest->second;
  return Error{Fault::not_found, "these tests need PostgreSQL: apt-get install postgresql"};
}

// Runs a program to its end, with its output in a file.
Result<void> run_program(std::vector<std::string> command, const std::string& output) {
  if (::geteuid() == 0)
    command.insert(command.begin(),
                   {"setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"});
  std::vector<char*> arguments;
  for (auto& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  ::posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, 1, output.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                     0644);
  ::posix_spawn_file_actions_adddup2(&files, 1, 2);
  ::pid_t pid = 0;
  int failure = ::posix_spawnp(&pid, arguments[0], &files, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&files);
  if (failure != 0) return system_error(failure, "start " + command[0]);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  std::ifstream file(output);
  std::stringstream said;
  said << file.rdbuf();
  std::string all;
  for (const auto& word : command) all += word + " ";
  return Error{Fault::internal, all + "failed:\n" + said.str()};
}

}  // namespace

Result<std::unique_ptr<PostgresServer>> PostgresServer::start(
    const std::vector<std::string>& settings) {
  // Short, since the path of a unix socket may have 107 bytes.
  std::string folder = (fs::temp_directory_path() / "tailrace-pg-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return system_error(errno, "create " + folder);
  std::unique_ptr<PostgresServer> server(new PostgresServer(folder));
  if (auto made = server->initialise(settings); !made) return std::move(made).error();
  if (auto started = server->start_again(); !started) return std::move(started).error();
  return server;
}

Result<void> PostgresServer::initialise(const std::vector<std::string>& settings) {
  if (::geteuid() == 0) {
    const ::passwd* user = ::getpwnam("postgres");
    if (user == nullptr)
      return Error{Fault::not_found, "there is no user postgres to run PostgreSQL as"};
    if (::chown(folder_.c_str(), user->pw_uid, user->pw_gid) != 0)
      return system_error(errno, "chown " + folder_);
  }
  auto programs = find_programs();
  if (!programs) return std::move(programs).error();
  if (auto made = run_program({(*programs / "initdb").string(), "-D", folder_ + "/data", "-U",
                               "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"},
                              folder_ + "/initdb.txt");
      !made)
    return made;
  std::ofstream configuration(folder_ + "/data/postgresql.conf", std::ios::app);
  configuration << "listen_addresses = ''\n"
                << "unix_socket_directories = '" << folder_ << "'\n"
                << "wal_level = logical\n"
                << "fsync = off\n"
                << "max_prepared_transactions = 5\n"
                << "shared_buffers = 32MB\n";
  for (const auto& setting : settings) configuration << setting << "\n";
  configuration.close();
  if (!configuration)
    return Error{Fault::internal, "cannot write " + folder_ + "/data/postgresql.conf"};
  return {};
}

Result<void> PostgresServer::start_again() {
  auto programs = find_programs();
  if (!programs) return std::move(programs).error();
  auto started = run_program({(*programs / "pg_ctl").string(), "-D", folder_ + "/data", "-l",
                              folder_ + "/data/server.txt", "-w", "-t", "60", "start"},
                             folder_ + "/pg_ctl.txt");
  if (started) running_ = true;
  return started;
}

Result<void> PostgresServer::stop(const std::string& mode) {
  auto programs = find_programs();
  if (!programs) return std::move(programs).error();
  auto stopped = run_program({(*programs / "pg_ctl").string(), "-D", folder_ + "/data", "-m", mode,
                              "-w", "-t", "60", "stop"},
                             folder_ + "/pg_ctl.txt");
  if (stopped) running_ = false;
  return stopped;
}

PostgresServer::~PostgresServer() {
  if (running_)
    if (auto stopped = stop("immediate"); !stopped)
      std::fprintf(stderr, "%s\n", stopped.error().message.c_str());
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string PostgresServer::uri(const std::string& database, const std::string& user) const {
  return "postgresql:///" + database + "?host=" + folder_ + "&port=5432&user=" + user;
}

std::unique_ptr<Connection> connect(const std::string& uri, Connection::Kind kind) {
  Connection::Options options;
  options.uri = uri;
  options.kind = kind;
  auto connection = Connection::connect(options);
  if (connection) return std::move(*connection);
  std::fprintf(stderr, "%s\n", connection.error().message.c_str());
  std::abort();
}

Rows run(Connection& connection, const std::string& sql) {
  auto rows = connection.query(sql);
  if (rows) return std::move(*rows);
  std::fprintf(stderr, "%s: %s\n", sql.c_str(), rows.error().message.c_str());
  std::abort();
}

}  // namespace tailrace::pg::testing
