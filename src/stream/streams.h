#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/guarded.h"
#include "base/result.h"
#include "stream/stream.h"

namespace tailrace::stream {

// All streams of a data folder, each in streams/<name>-<incarnation in hex>/. Any thread may call.
class Streams {
 public:
  // The executor runs what waits for streams (Stream::when_durable(), when_readable()).
  Streams(Directory& data, Clock& clock, Executor executor = run_inline)
      : data_(data), clock_(clock), executor_(std::move(executor)) {}
  // Drops who waits, so that nobody keeps a stream open by waiting for it.
  ~Streams();

  // Opens the stream, making its folder when it is new. Fault::conflict when it is open already.
  Result<std::shared_ptr<Stream>> open(StreamSpec spec);
  // Shared since readers and writers go on with a stream while it is closed by name.
  std::shared_ptr<Stream> find(const std::string& name) const;
  std::vector<std::shared_ptr<Stream>> all() const;

  // Ends the stream for its readers and writers if it is open, and deletes its folder. Nothing to
  // do is no error; after a failure or a crash it may be called again. The name is free afterwards.
  Result<void> remove(const StreamSpec& spec);

 private:
  Directory& data_;
  Clock& clock_;
  const Executor executor_;
  Guarded<std::map<std::string, std::shared_ptr<Stream>>> open_;
};

}  // namespace tailrace::stream
