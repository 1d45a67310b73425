#include "pg/server_error.h"

#include <gtest/gtest.h>

#include "pg/connection.h"

namespace tailrace::pg {

TEST(ServerError, ReadsTheFieldsOfAnErrorResponse) {
  using std::string_literals::operator""s;
  auto message =
      read_server_message("SERROR\0VERROR\0C42501\0Mpermission denied\0Dfor t\0Hask\0Fa.c\0\0"s);
  EXPECT_EQ(message.text(), "permission denied; for t; ask (SQLSTATE 42501)");
  EXPECT_EQ(message.error().fault, Fault::denied);
}

TEST(ServerError, SurvivesAnErrorResponseThatBreaksOff) {
  using std::string_literals::operator""s;
  EXPECT_EQ(read_server_message("C42501\0Mperm"s).sqlstate, "42501");
  EXPECT_EQ(read_server_message("").text(), "");
}

TEST(ServerError, SortsRefusalsOfAConnectionByTheirCode) {
  auto error = connect_error(
      "connection to server at \"db\" (10.0.0.1), port 5432 failed: FATAL:  28P01: password "
      "authentication failed for "
      "user \"cdc\"\nLOCATION:  auth_failed, auth.c:326\n");
  EXPECT_EQ(error.fault, Fault::denied);
  EXPECT_EQ(error.message,
            "connection to server at \"db\" (10.0.0.1), port 5432 failed: FATAL:  password "
            "authentication failed for "
            "user \"cdc\" (SQLSTATE 28P01)");
  EXPECT_EQ(connect_error("failed: FATAL:  57P03: the database system is starting up\n").fault,
            Fault::unavailable);
  EXPECT_EQ(connect_error("failed: FATAL:  3D000: database \"x\" does not exist\n").fault,
            Fault::not_found);
  // A server that speaks another language.
  EXPECT_EQ(connect_error("failed: FATALE:  53300: zu viele Verbindungen\n").fault,
            Fault::unavailable);
}

TEST(ServerError, SortsFailuresOfTheClientByTheirText) {
  EXPECT_EQ(connect_error("connection to server on socket \"/x\" failed: No such file or "
                          "directory\n\tIs the server "
                          "running locally and accepting connections on that socket?\n")
                .fault,
            Fault::unavailable);
  EXPECT_EQ(connect_error("server does not support SSL, but SSL was required\n").fault,
            Fault::denied);
  EXPECT_EQ(connect_error("invalid sslmode value: \"x\"\n").fault, Fault::invalid);
}

TEST(ServerError, SortsSqlstatesByWhatToDoNext) {
  const std::pair<const char*, Fault> expected[] = {
      {"08006", Fault::unavailable}, {"57P01", Fault::unavailable}, {"53300", Fault::unavailable},
      {"40001", Fault::unavailable}, {"57014", Fault::timeout},     {"28000", Fault::denied},
      {"42501", Fault::denied},      {"3D000", Fault::not_found},   {"42704", Fault::not_found},
      {"42P01", Fault::not_found},   {"55006", Fault::conflict},    {"55000", Fault::conflict},
      {"42710", Fault::conflict},    {"23505", Fault::conflict},    {"XX001", Fault::corrupt},
      {"XX000", Fault::internal},    {"22P02", Fault::invalid},     {"42601", Fault::invalid},
      {"0A000", Fault::invalid}};
  for (auto [sqlstate, fault] : expected) EXPECT_EQ(fault_of_sqlstate(sqlstate), fault) << sqlstate;
}

}  // namespace tailrace::pg
