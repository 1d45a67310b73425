#include <gtest/gtest.h>

#include "record/hash_key.h"
#include "record/lsn.h"
#include "record/position.h"
#include "record/sequence_number.h"

namespace tailrace {

TEST(Lsn, PrintsAndParsesAsPostgresDoes) {
  EXPECT_EQ(to_string(Lsn{0x16B374D848}), "16/B374D848");
  EXPECT_EQ(parse_lsn("16/B374D848"), Lsn{0x16B374D848});
  EXPECT_EQ(parse_lsn("0/0"), Lsn{0});
  for (const char* text : {"", "/", "1", "1/", "/1", "g/1", "1/2/3", "123456789/0", "-1/0", "1/ 2"})
    EXPECT_FALSE(parse_lsn(text).has_value()) << text;
}

TEST(HashKey, IsTheMd5OfThePartitionKey) {
  EXPECT_EQ(to_string(hash_key_of("a")), "16955237001963240173058271559858726497");
  EXPECT_EQ(to_string(hash_key_of("ключ")), "259726384039714788407059515981389908711");
}

TEST(HashKey, ParsesDecimalsUpToItsLargest) {
  EXPECT_EQ(parse_hash_key("340282366920938463463374607431768211455"), hash_key_max);
  EXPECT_EQ(parse_hash_key("0"), HashKey{});
  for (const char* text : {"", "00", "-1", "340282366920938463463374607431768211456", "1x"})
    EXPECT_FALSE(parse_hash_key(text).has_value()) << text;
}

TEST(SequenceNumber, GivesTheNumbersThatAwsDocumentsPrint) {
  SequenceNumber number{1542776258, 6, 1734642199, 1545084650};
  EXPECT_EQ(to_string(number), "49590338271490256608559692538361571095921575989136588898");
  EXPECT_EQ(parse_sequence_number(to_string(number)), number);
  EXPECT_EQ(to_string(SequenceNumber{1700000000, 1, 0, 1700000000}),
            "49646437577130777162115407028967465143858078037781250066");
  EXPECT_EQ(to_string(SequenceNumber{1700000000, 1, 0x7fffffffffffffff, 1700000100}),
            "49646437577141927534714672340537024077174794461307207698");
}

TEST(SequenceNumber, RefusesWhatIsNone) {
  for (const char* text : {"", "0", "1", "49590338271490256608559692538361571095921575989136588899",
                           "4959033827149025660855969253836157109592157598913658889x"})
    EXPECT_FALSE(parse_sequence_number(text).has_value()) << text;
}

TEST(ShardId, IsPaddedToTwelveDigits) {
  EXPECT_EQ(shard_id(7), "shardId-000000000007");
  EXPECT_EQ(parse_shard_id("shardId-000000000007"), 7u);
  EXPECT_FALSE(parse_shard_id("shardId-"));
  EXPECT_FALSE(parse_shard_id("7"));
}

TEST(Position, SurvivesEncoding) {
  Position position{{42, 3, Lsn{7}}, Lsn{100}, Lsn{99}, 5};
  EXPECT_EQ(decode_position(encode(position)), position);
  EXPECT_FALSE(decode_position("short"));
}

}  // namespace tailrace
