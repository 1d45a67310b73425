#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "catalog/catalog.h"

namespace tailrace::catalog {

class SteppingClock final : public Clock {
 public:
  UnixMicros now() override { return now_; }
  std::chrono::steady_clock::time_point steady() override { return {}; }
  void step(std::chrono::microseconds by) { now_ += by; }

 private:
  UnixMicros now_{std::chrono::seconds(1700000000)};
};

// A catalogue in a temporary folder.
class CatalogTest : public testing::Test {
 protected:
  CatalogTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "catalog_test.XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    file_ = folder_ + "/catalog.sqlite";
    reopen();
  }
  ~CatalogTest() override {
    catalog_.reset();
    std::filesystem::remove_all(folder_);
  }

  void reopen() {
    catalog_.reset();
    catalog_ = Catalog::open(file_, clock_).value();
  }

  static stream::StreamSpec stream_spec(const std::string& name) {
    stream::StreamSpec spec;
    spec.name = name;
    spec.incarnation = 7;
    spec.shards = {{0, {{0}, hash_key_max}, 0}};
    return spec;
  }
  static capture::TaskSpec task_spec(const std::string& name, const std::string& stream) {
    capture::TaskSpec spec;
    spec.name = name;
    spec.stream = stream;
    return spec;
  }
  static function::FunctionSpec function_spec(const std::string& name) {
    function::FunctionSpec spec;
    spec.name = name;
    return spec;
  }
  static delivery::TriggerSpec trigger_spec(const std::string& stream,
                                            const std::string& function) {
    delivery::TriggerSpec spec;
    spec.name = stream + "/" + function;
    spec.stream = stream;
    spec.function = function;
    return spec;
  }
  // A name for each object, with its origin.
  std::vector<std::string> everything() {
    std::vector<std::string> all;
    auto add = [&](const char* kind, const auto& entries) {
      for (auto& entry : entries)
        all.push_back(std::string(kind) + " " + entry.spec.name +
                      (entry.origin == Origin::yaml ? " yaml" : " api"));
    };
    add("stream", catalog_->streams().value());
    add("task", catalog_->tasks().value());
    add("function", catalog_->functions().value());
    add("trigger", catalog_->triggers().value());
    return all;
  }

  std::string folder_, file_;
  SteppingClock clock_;
  std::unique_ptr<Catalog> catalog_;
};

}  // namespace tailrace::catalog
