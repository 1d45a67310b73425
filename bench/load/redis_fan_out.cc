#include <stdexcept>

#include "load/fan_out.h"
#include "load/socket.h"

namespace tailrace::load {
namespace {

std::string command(std::initializer_list<std::string_view> words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (std::string_view word : words) {
    text += "$" + std::to_string(word.size()) + "\r\n";
    text += word;
    text += "\r\n";
  }
  return text;
}

void refuse_error(std::string_view answer) {
  if (answer.starts_with('-')) throw std::runtime_error("Redis: " + std::string(answer));
}

class RedisWriter : public Writer {
 public:
  explicit RedisWriter(const Target& target) : socket_(target.port), key_(target.stream) {}

  int fd() const override { return socket_.fd(); }
  void put(std::string_view payload) override {
    answer_.clear();
    socket_.send(command({"XADD", key_, "*", "d", payload}));
  }
  bool acknowledged() override {
    socket_.receive(answer_);
    refuse_error(answer_);
    // A length and the entry's id, a line each.
    std::size_t line = answer_.find("\r\n");
    return line != std::string::npos && answer_.find("\r\n", line + 2) != std::string::npos;
  }

 private:
  Socket socket_;
  std::string key_, answer_;
};

// Asks for one entry at a time, so that its payload ends the answer.
class RedisGroup : public Reader {
 public:
  explicit RedisGroup(const Target& target) : socket_(target.port), key_(target.stream) {
    socket_.send(command({"XGROUP", "CREATE", key_, "bench", "$", "MKSTREAM"}));
    while (answer_.find("\r\n") == std::string::npos) socket_.receive(answer_);
    refuse_error(answer_);
    ask();
  }

  int fd() const override { return socket_.fd(); }

  void read(const std::function<void(std::string_view)>& record) override {
    socket_.receive(answer_);
    refuse_error(answer_);
    // The entry's only field is "d"; its value follows as a length and that many bytes.
    std::size_t field = answer_.find("$1\r\nd\r\n$");
    if (field == std::string::npos) return;
    std::size_t length = field + 8, begin = answer_.find("\r\n", length);
    if (begin == std::string::npos) return;
    std::size_t bytes = std::stoul(answer_.substr(length, begin - length));
    begin += 2;
    if (answer_.size() < begin + bytes + 2) return;
    record(std::string_view(answer_).substr(begin, bytes));
    ask();
  }

 private:
  void ask() {
    answer_.clear();
    socket_.send(command({"XREADGROUP", "GROUP", "bench", "reader", "COUNT", "1", "BLOCK", "0",
                          "NOACK", "STREAMS", key_, ">"}));
  }

  Socket socket_;
  std::string key_, answer_;
};

}  // namespace

std::unique_ptr<Writer> redis_writer(const Target& target) {
  return std::make_unique<RedisWriter>(target);
}

std::unique_ptr<Reader> redis_group(const Target& target) {
  return std::make_unique<RedisGroup>(target);
}

}  // namespace tailrace::load
