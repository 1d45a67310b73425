#pragma once

#include "http/open_answers.h"

namespace tailrace::admin {

using http::OpenAnswer;
using http::OpenAnswers;

}  // namespace tailrace::admin
