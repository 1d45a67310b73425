#include "http/open_answers.h"

#include <utility>

namespace tailrace::http {

bool OpenAnswers::add(std::shared_ptr<OpenAnswer> answer) {
  return state_.with([&](State& state) {
    if (state.closed) return false;
    state.answers.insert(std::move(answer));
    return true;
  });
}

void OpenAnswers::remove(const std::shared_ptr<OpenAnswer>& answer) {
  state_.with([&](State& state) { state.answers.erase(answer); });
}

void OpenAnswers::close_all() {
  auto answers = state_.with([](State& state) {
    state.closed = true;
    return std::exchange(state.answers, {});
  });
  for (const auto& answer : answers) answer->close();
}

}  // namespace tailrace::http
