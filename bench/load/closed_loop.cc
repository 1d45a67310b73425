#include "load/closed_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "base/unique_fd.h"
#include "load/http_answer.h"
#include "load/socket.h"

namespace tailrace::load {
namespace {

constexpr std::chrono::seconds patience{60};
constexpr std::chrono::milliseconds wait_min{10};

struct Lane {
  Socket socket;
  std::unique_ptr<Workload> workload;
  HttpAnswer answer;
  Clock::time_point sent;

  void connect(std::uint16_t port, int readiness, unsigned number) {
    socket = Socket(port);
    socket.set_blocking(false);
    epoll_event event{.events = EPOLLIN, .data = {.u32 = number}};
    if (::epoll_ctl(readiness, EPOLL_CTL_ADD, socket.fd(), &event) < 0)
      throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
  void ask() {
    std::string_view request = workload->next();
    sent = Clock::now();
    socket.send(request);
  }
};

}  // namespace

Measured run_closed_loop(std::uint16_t port, unsigned connections, Clock::duration warm_up,
                         Clock::duration measure,
                         const std::function<std::unique_ptr<Workload>(unsigned)>& workload) {
  UniqueFd readiness(::epoll_create1(EPOLL_CLOEXEC));
  std::vector<Lane> lanes;
  lanes.reserve(connections);
  for (unsigned n = 0; n < connections; ++n) {
    lanes.push_back({.workload = workload(n)});
    lanes[n].connect(port, readiness.get(), n);
  }

  Measured measured;
  auto begin = Clock::now() + warm_up, end = begin + measure;
  // A server that is so slow that not even one round of answers came gets more time, up to a limit.
  auto go_on = [&, give_up = end + patience](Clock::time_point now) {
    return now < end || (measured.latencies.count() < connections && now < give_up);
  };
  for (Lane& lane : lanes) lane.ask();
  std::vector<epoll_event> events(connections);
  auto now = Clock::now();
  for (; go_on(now); now = Clock::now()) {
    auto left = std::max(std::chrono::ceil<std::chrono::milliseconds>(end - now), wait_min);
    int ready =
        ::epoll_wait(readiness.get(), events.data(), connections, static_cast<int>(left.count()));
    for (int n = 0; n < ready; ++n) {
      Lane& lane = lanes[events[n].data.u32];
      lane.socket.receive(lane.answer.arrived());
      if (!lane.answer.advance()) continue;
      auto answered = Clock::now();
      std::size_t records = 0;
      bool right = true;
      try {
        records = lane.workload->check(lane.answer.status(), lane.answer.body());
      } catch (const std::runtime_error& error) {
        if (measured.errors++ == 0) measured.first_error = error.what();
        right = false;
      }
      if (right && answered >= begin) {
        measured.latencies.add(answered - lane.sent);
        measured.records += records;
      }
      bool reconnect = lane.answer.closes();
      lane.answer.clear();
      if (reconnect) lane.connect(port, readiness.get(), events[n].data.u32);
      lane.ask();
    }
  }
  measured.seconds = std::chrono::duration<double>(now - begin).count();
  return measured;
}

}  // namespace tailrace::load
