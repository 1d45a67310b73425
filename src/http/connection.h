#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "http/session.h"
#include "http/transport.h"

namespace tailrace::http {

// One peer: moves bytes between a transport and the session that understands them. The first bytes
// decide which these are. Everything happens on one strand; the connection lives as long as it
// reads, writes, or holds its peer up until an answer comes.
class Connection final : public Wakeable,
                         public TransportUser,
                         public std::enable_shared_from_this<Connection> {
 public:
  // Without `tls` every peer speaks plain text.
  Connection(Socket socket, std::shared_ptr<Shared> shared,
             std::shared_ptr<boost::asio::ssl::context> tls);
  ~Connection() override;

  void start();
  // Cuts what is late. Any thread; the server asks every few seconds, so that a request costs no
  // timer.
  void cut_if_late(Instant now);
  // Any thread, under the gate or while the event loop is known to live.
  void drain();
  void cut();

  void wake(std::uint32_t stream) override;
  void on_open(boost::system::error_code error, std::string_view protocol) override;
  void on_read(boost::system::error_code error, std::size_t bytes) override;
  void on_written(boost::system::error_code error) override;
  void on_shut() override { close(); }

 private:
  void open_by_first_byte();
  void begin(std::unique_ptr<Transport> transport);
  void refuse_plain_text();
  void speak(bool http2);
  void receive(std::string_view bytes);
  void answer_woken();
  void cut_late(Instant now);

  // After each event: writes, reads, or ends.
  void go_on();
  void write_on();
  void read_on();
  void linger();
  void shut();
  void close();
  void late_at(Instant when) { late_at_ = when.time_since_epoch().count(); }

  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<boost::asio::ssl::context> tls_;
  Socket socket_;  // until the transport has it
  const Strand strand_;
  std::string peer_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<Session> session_;  // none until the preface is told from a request
  std::string first_bytes_;
  const std::unique_ptr<char[]> buffer_;
  bool secure_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool peer_closed_ = false;
  bool draining_ = false;
  bool lingering_ = false;
  bool shutting_ = false;
  bool closed_ = false;
  std::size_t lingered_bytes_ = 0;
  std::shared_ptr<Connection> waiting_;  // itself, while no operation keeps it alive
  Guarded<std::vector<std::uint32_t>> woken_;
  std::vector<std::uint32_t> waking_;  // keeps its room between calls
  std::atomic<std::int64_t> late_at_;  // steady nanoseconds
};

}  // namespace tailrace::http
