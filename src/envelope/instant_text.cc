#include "envelope/instant_text.h"

#include <cstdio>

#include "envelope/pg_time.h"

namespace tailrace::envelope {

void InstantText::append(Buffer& out, UnixMicros instant) {
  constexpr std::int64_t micros_per_second = 1'000'000, seconds_per_day = 86'400;
  std::int64_t micros = instant.time_since_epoch().count();
  std::int64_t second = micros / micros_per_second, fraction = micros % micros_per_second;
  if (fraction < 0) {
    fraction += micros_per_second;
    --second;
  }
  if (second != second_) {
    std::int64_t day = second / seconds_per_day, in_day = second % seconds_per_day;
    if (in_day < 0) {
      in_day += seconds_per_day;
      --day;
    }
    Date date = date_of(day);
    char text[64];
    int size = std::snprintf(text, sizeof text, "%04lld-%02d-%02dT%02d:%02d:%02d.",
                             static_cast<long long>(date.year), date.month, date.day,
                             static_cast<int>(in_day / 3600), static_cast<int>(in_day / 60 % 60),
                             static_cast<int>(in_day % 60));
    text_.clear();
    text_.append({text, static_cast<std::size_t>(size)});
    second_ = second;
  }
  out.append(text_.view());
  char* to = out.room(7);
  for (std::size_t i = 6; i-- > 0; fraction /= 10) to[i] = static_cast<char>('0' + fraction % 10);
  to[6] = 'Z';
  out.wrote(7);
}

}  // namespace tailrace::envelope
