// What each action takes, from botocore's model of the service. Written by tools/kinesis_model.py:
// change that.
#include "aws/kinesis/model.h"

#include <re2/re2.h>

#include <algorithm>

namespace tailrace::aws::kinesis {
namespace {

using Type = Shape::Type;

template <const char* pattern>
bool matches(std::string_view text) {
  static const RE2 compiled(pattern);
  return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), compiled);
}

constexpr char stream_name_regex[] = R"([a-zA-Z0-9_.-]+)";
constexpr Shape::Pattern stream_name_pattern{stream_name_regex, matches<stream_name_regex>};
constexpr Shape stream_name_shape{
    .type = Type::text, .min = 1, .max = 128, .pattern = &stream_name_pattern};
constexpr Shape tag_key_shape{.type = Type::text, .min = 1, .max = 128};
constexpr Shape tag_value_shape{.type = Type::text, .min = 0, .max = 256};
constexpr Shape tag_map_shape{
    .type = Type::map, .min = 1, .max = 200, .key = &tag_key_shape, .element = &tag_value_shape};
constexpr char stream_arn_regex[] = R"(arn:aws.*:kinesis:.*:\d{12}:stream/\S+)";
constexpr Shape::Pattern stream_arn_pattern{stream_arn_regex, matches<stream_arn_regex>};
constexpr Shape stream_arn_shape{
    .type = Type::text, .min = 1, .max = 2048, .pattern = &stream_arn_pattern};
constexpr char stream_id_regex[] = R"([a-z0-9]{20}-[a-z0-9]{3})";
constexpr Shape::Pattern stream_id_pattern{stream_id_regex, matches<stream_id_regex>};
constexpr Shape stream_id_shape{
    .type = Type::text, .min = 1, .max = 24, .pattern = &stream_id_pattern};
constexpr Field add_tags_to_stream_input_fields[] = {{"StreamName", &stream_name_shape},
                                                     {"Tags", &tag_map_shape, true},
                                                     {"StreamARN", &stream_arn_shape},
                                                     {"StreamId", &stream_id_shape}};
constexpr Shape add_tags_to_stream_input_shape{.type = Type::structure,
                                               .fields = add_tags_to_stream_input_fields};
constexpr Shape positive_integer_object_shape{.type = Type::integer, .min = 1};
constexpr std::string_view stream_mode_values[] = {"PROVISIONED", "ON_DEMAND"};
constexpr Shape stream_mode_shape{.type = Type::text, .values = stream_mode_values};
constexpr Field stream_mode_details_fields[] = {{"StreamMode", &stream_mode_shape, true}};
constexpr Shape stream_mode_details_shape{.type = Type::structure,
                                          .fields = stream_mode_details_fields};
constexpr Shape natural_integer_object_shape{.type = Type::integer, .min = 0};
constexpr Shape max_record_size_in_kib_shape{.type = Type::integer, .min = 1024, .max = 10240};
constexpr std::string_view record_distribution_strategy_values[] = {"AUTO", "USER_PARTITION_KEY"};
constexpr Shape record_distribution_strategy_shape{.type = Type::text,
                                                   .values = record_distribution_strategy_values};
constexpr Field create_stream_input_fields[] = {
    {"StreamName", &stream_name_shape, true},
    {"ShardCount", &positive_integer_object_shape},
    {"StreamModeDetails", &stream_mode_details_shape},
    {"Tags", &tag_map_shape},
    {"WarmThroughputMiBps", &natural_integer_object_shape},
    {"MaxRecordSizeInKiB", &max_record_size_in_kib_shape},
    {"RecordDistributionStrategy", &record_distribution_strategy_shape}};
constexpr Shape create_stream_input_shape{.type = Type::structure,
                                          .fields = create_stream_input_fields};
constexpr Shape retention_period_hours_shape{.type = Type::integer};
constexpr Field decrease_stream_retention_period_input_fields[] = {
    {"StreamName", &stream_name_shape},
    {"RetentionPeriodHours", &retention_period_hours_shape, true},
    {"StreamARN", &stream_arn_shape},
    {"StreamId", &stream_id_shape}};
constexpr Shape decrease_stream_retention_period_input_shape{
    .type = Type::structure, .fields = decrease_stream_retention_period_input_fields};
constexpr char resource_arn_regex[] = R"(arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+)";
constexpr Shape::Pattern resource_arn_pattern{resource_arn_regex, matches<resource_arn_regex>};
constexpr Shape resource_arn_shape{
    .type = Type::text, .min = 1, .max = 2048, .pattern = &resource_arn_pattern};
constexpr Field delete_resource_policy_input_fields[] = {{"ResourceARN", &resource_arn_shape, true},
                                                         {"StreamId", &stream_id_shape}};
constexpr Shape delete_resource_policy_input_shape{.type = Type::structure,
                                                   .fields = delete_resource_policy_input_fields};
constexpr Shape boolean_object_shape{.type = Type::boolean};
constexpr Field delete_stream_input_fields[] = {{"StreamName", &stream_name_shape},
                                                {"EnforceConsumerDeletion", &boolean_object_shape},
                                                {"StreamARN", &stream_arn_shape},
                                                {"StreamId", &stream_id_shape}};
constexpr Shape delete_stream_input_shape{.type = Type::structure,
                                          .fields = delete_stream_input_fields};
constexpr char consumer_name_regex[] = R"([a-zA-Z0-9_.-]+)";
constexpr Shape::Pattern consumer_name_pattern{consumer_name_regex, matches<consumer_name_regex>};
constexpr Shape consumer_name_shape{
    .type = Type::text, .min = 1, .max = 128, .pattern = &consumer_name_pattern};
constexpr char consumer_arn_regex[] =
    R"(^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+)";
constexpr Shape::Pattern consumer_arn_pattern{consumer_arn_regex, matches<consumer_arn_regex>};
constexpr Shape consumer_arn_shape{
    .type = Type::text, .min = 1, .max = 2048, .pattern = &consumer_arn_pattern};
constexpr Field deregister_stream_consumer_input_fields[] = {{"StreamARN", &stream_arn_shape},
                                                             {"ConsumerName", &consumer_name_shape},
                                                             {"ConsumerARN", &consumer_arn_shape},
                                                             {"StreamId", &stream_id_shape}};
constexpr Shape deregister_stream_consumer_input_shape{
    .type = Type::structure, .fields = deregister_stream_consumer_input_fields};
constexpr Shape describe_account_settings_input_shape{.type = Type::structure};
constexpr Shape describe_limits_input_shape{.type = Type::structure};
constexpr Shape describe_stream_input_limit_shape{.type = Type::integer, .min = 1, .max = 10000};
constexpr char shard_id_regex[] = R"([a-zA-Z0-9_.-]+)";
constexpr Shape::Pattern shard_id_pattern{shard_id_regex, matches<shard_id_regex>};
constexpr Shape shard_id_shape{
    .type = Type::text, .min = 1, .max = 128, .pattern = &shard_id_pattern};
constexpr Field describe_stream_input_fields[] = {{"StreamName", &stream_name_shape},
                                                  {"Limit", &describe_stream_input_limit_shape},
                                                  {"ExclusiveStartShardId", &shard_id_shape},
                                                  {"StreamARN", &stream_arn_shape},
                                                  {"StreamId", &stream_id_shape}};
constexpr Shape describe_stream_input_shape{.type = Type::structure,
                                            .fields = describe_stream_input_fields};
constexpr Field describe_stream_consumer_input_fields[] = {{"StreamARN", &stream_arn_shape},
                                                           {"ConsumerName", &consumer_name_shape},
                                                           {"ConsumerARN", &consumer_arn_shape},
                                                           {"StreamId", &stream_id_shape}};
constexpr Shape describe_stream_consumer_input_shape{
    .type = Type::structure, .fields = describe_stream_consumer_input_fields};
constexpr Field describe_stream_summary_input_fields[] = {{"StreamName", &stream_name_shape},
                                                          {"StreamARN", &stream_arn_shape},
                                                          {"StreamId", &stream_id_shape}};
constexpr Shape describe_stream_summary_input_shape{.type = Type::structure,
                                                    .fields = describe_stream_summary_input_fields};
constexpr std::string_view metrics_name_values[] = {"IncomingBytes",
                                                    "IncomingRecords",
                                                    "OutgoingBytes",
                                                    "OutgoingRecords",
                                                    "WriteProvisionedThroughputExceeded",
                                                    "ReadProvisionedThroughputExceeded",
                                                    "IteratorAgeMilliseconds",
                                                    "ALL"};
constexpr Shape metrics_name_shape{.type = Type::text, .values = metrics_name_values};
constexpr Shape metrics_name_list_shape{
    .type = Type::list, .min = 1, .max = 7, .element = &metrics_name_shape};
constexpr Field disable_enhanced_monitoring_input_fields[] = {
    {"StreamName", &stream_name_shape},
    {"ShardLevelMetrics", &metrics_name_list_shape, true},
    {"StreamARN", &stream_arn_shape},
    {"StreamId", &stream_id_shape}};
constexpr Shape disable_enhanced_monitoring_input_shape{
    .type = Type::structure, .fields = disable_enhanced_monitoring_input_fields};
constexpr Field enable_enhanced_monitoring_input_fields[] = {
    {"StreamName", &stream_name_shape},
    {"ShardLevelMetrics", &metrics_name_list_shape, true},
    {"StreamARN", &stream_arn_shape},
    {"StreamId", &stream_id_shape}};
constexpr Shape enable_enhanced_monitoring_input_shape{
    .type = Type::structure, .fields = enable_enhanced_monitoring_input_fields};
constexpr Shape shard_iterator_shape{.type = Type::text, .min = 1, .max = 512};
constexpr Shape get_records_input_limit_shape{.type = Type::integer, .min = 1, .max = 10000};
constexpr Field get_records_input_fields[] = {{"ShardIterator", &shard_iterator_shape, true},
                                              {"Limit", &get_records_input_limit_shape},
                                              {"StreamARN", &stream_arn_shape},
                                              {"StreamId", &stream_id_shape},
                                              {"DryRun", &boolean_object_shape}};
constexpr Shape get_records_input_shape{.type = Type::structure,
                                        .fields = get_records_input_fields};
constexpr Field get_resource_policy_input_fields[] = {{"ResourceARN", &resource_arn_shape, true},
                                                      {"StreamId", &stream_id_shape}};
constexpr Shape get_resource_policy_input_shape{.type = Type::structure,
                                                .fields = get_resource_policy_input_fields};
constexpr std::string_view shard_iterator_type_values[] = {
    "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"};
constexpr Shape shard_iterator_type_shape{.type = Type::text, .values = shard_iterator_type_values};
constexpr char sequence_number_regex[] = R"(0|([1-9]\d{0,128}))";
constexpr Shape::Pattern sequence_number_pattern{sequence_number_regex,
                                                 matches<sequence_number_regex>};
constexpr Shape sequence_number_shape{.type = Type::text, .pattern = &sequence_number_pattern};
constexpr Shape timestamp_shape{.type = Type::timestamp};
constexpr Field get_shard_iterator_input_fields[] = {
    {"StreamName", &stream_name_shape},
    {"ShardId", &shard_id_shape, true},
    {"ShardIteratorType", &shard_iterator_type_shape, true},
    {"StartingSequenceNumber", &sequence_number_shape},
    {"Timestamp", &timestamp_shape},
    {"StreamARN", &stream_arn_shape},
    {"StreamId", &stream_id_shape},
    {"DryRun", &boolean_object_shape}};
constexpr Shape get_shard_iterator_input_shape{.type = Type::structure,
                                               .fields = get_shard_iterator_input_fields};
constexpr Field increase_stream_retention_period_input_fields[] = {
    {"StreamName", &stream_name_shape},
    {"RetentionPeriodHours", &retention_period_hours_shape, true},
    {"StreamARN", &stream_arn_shape},
    {"StreamId", &stream_id_shape}};
constexpr Shape increase_stream_retention_period_input_shape{
    .type = Type::structure, .fields = increase_stream_retention_period_input_fields};
constexpr Shape next_token_shape{.type = Type::text, .min = 1, .max = 1048576};
constexpr Shape list_shards_input_limit_shape{.type = Type::integer, .min = 1, .max = 10000};
constexpr std::string_view shard_filter_type_values[] = {"AFTER_SHARD_ID",    "AT_TRIM_HORIZON",
                                                         "FROM_TRIM_HORIZON", "AT_LATEST",
                                                         "AT_TIMESTAMP",      "FROM_TIMESTAMP"};
constexpr Shape shard_filter_type_shape{.type = Type::text, .values = shard_filter_type_values};
constexpr Field shard_filter_fields[] = {{"Type", &shard_filter_type_shape, true},
                                         {"ShardId", &shard_id_shape},
                                         {"Timestamp", &timestamp_shape}};
constexpr Shape shard_filter_shape{.type = Type::structure, .fields = shard_filter_fields};
constexpr Field list_shards_input_fields[] = {{"StreamName", &stream_name_shape},
                                              {"NextToken", &next_token_shape},
                                              {"ExclusiveStartShardId", &shard_id_shape},
                                              {"MaxResults", &list_shards_input_limit_shape},
                                              {"StreamCreationTimestamp", &timestamp_shape},
                                              {"ShardFilter", &shard_filter_shape},
                                              {"StreamARN", &stream_arn_shape},
                                              {"StreamId", &stream_id_shape}};
constexpr Shape list_shards_input_shape{.type = Type::structure,
                                        .fields = list_shards_input_fields};
constexpr Shape list_stream_consumers_input_limit_shape{
    .type = Type::integer, .min = 1, .max = 10000};
constexpr Field list_stream_consumers_input_fields[] = {
    {"StreamARN", &stream_arn_shape, true},
    {"NextToken", &next_token_shape},
    {"MaxResults", &list_stream_consumers_input_limit_shape},
    {"StreamCreationTimestamp", &timestamp_shape},
    {"StreamId", &stream_id_shape}};
constexpr Shape list_stream_consumers_input_shape{.type = Type::structure,
                                                  .fields = list_stream_consumers_input_fields};
constexpr Shape list_streams_input_limit_shape{.type = Type::integer, .min = 1, .max = 10000};
constexpr Field list_streams_input_fields[] = {{"Limit", &list_streams_input_limit_shape},
                                               {"ExclusiveStartStreamName", &stream_name_shape},
                                               {"NextToken", &next_token_shape}};
constexpr Shape list_streams_input_shape{.type = Type::structure,
                                         .fields = list_streams_input_fields};
constexpr Field list_tags_for_resource_input_fields[] = {{"ResourceARN", &resource_arn_shape, true},
                                                         {"StreamId", &stream_id_shape}};
constexpr Shape list_tags_for_resource_input_shape{.type = Type::structure,
                                                   .fields = list_tags_for_resource_input_fields};
constexpr Shape list_tags_for_stream_input_limit_shape{.type = Type::integer, .min = 1, .max = 50};
constexpr Field list_tags_for_stream_input_fields[] = {
    {"StreamName", &stream_name_shape},
    {"ExclusiveStartTagKey", &tag_key_shape},
    {"Limit", &list_tags_for_stream_input_limit_shape},
    {"StreamARN", &stream_arn_shape},
    {"StreamId", &stream_id_shape}};
constexpr Shape list_tags_for_stream_input_shape{.type = Type::structure,
                                                 .fields = list_tags_for_stream_input_fields};
constexpr Field merge_shards_input_fields[] = {{"StreamName", &stream_name_shape},
                                               {"ShardToMerge", &shard_id_shape, true},
                                               {"AdjacentShardToMerge", &shard_id_shape, true},
                                               {"StreamARN", &stream_arn_shape},
                                               {"StreamId", &stream_id_shape}};
constexpr Shape merge_shards_input_shape{.type = Type::structure,
                                         .fields = merge_shards_input_fields};
constexpr Shape data_shape{.type = Type::blob, .min = 0, .max = 10485760};
constexpr Shape partition_key_shape{.type = Type::text, .min = 1, .max = 256};
constexpr char hash_key_regex[] = R"(0|([1-9]\d{0,38}))";
constexpr Shape::Pattern hash_key_pattern{hash_key_regex, matches<hash_key_regex>};
constexpr Shape hash_key_shape{.type = Type::text, .pattern = &hash_key_pattern};
constexpr Field put_record_input_fields[] = {{"StreamName", &stream_name_shape},
                                             {"Data", &data_shape, true},
                                             {"PartitionKey", &partition_key_shape, true},
                                             {"ExplicitHashKey", &hash_key_shape},
                                             {"SequenceNumberForOrdering", &sequence_number_shape},
                                             {"StreamARN", &stream_arn_shape},
                                             {"StreamId", &stream_id_shape},
                                             {"DryRun", &boolean_object_shape}};
constexpr Shape put_record_input_shape{.type = Type::structure, .fields = put_record_input_fields};
constexpr Field put_records_request_entry_fields[] = {{"Data", &data_shape, true},
                                                      {"ExplicitHashKey", &hash_key_shape},
                                                      {"PartitionKey", &partition_key_shape, true}};
constexpr Shape put_records_request_entry_shape{.type = Type::structure,
                                                .fields = put_records_request_entry_fields};
constexpr Shape put_records_request_entry_list_shape{
    .type = Type::list, .min = 1, .max = 500, .element = &put_records_request_entry_shape};
constexpr Field put_records_input_fields[] = {
    {"Records", &put_records_request_entry_list_shape, true},
    {"StreamName", &stream_name_shape},
    {"StreamARN", &stream_arn_shape},
    {"StreamId", &stream_id_shape},
    {"DryRun", &boolean_object_shape}};
constexpr Shape put_records_input_shape{.type = Type::structure,
                                        .fields = put_records_input_fields};
constexpr Shape policy_shape{.type = Type::text};
constexpr Field put_resource_policy_input_fields[] = {{"ResourceARN", &resource_arn_shape, true},
                                                      {"StreamId", &stream_id_shape},
                                                      {"Policy", &policy_shape, true}};
constexpr Shape put_resource_policy_input_shape{.type = Type::structure,
                                                .fields = put_resource_policy_input_fields};
constexpr Field register_stream_consumer_input_fields[] = {
    {"StreamARN", &stream_arn_shape, true},
    {"ConsumerName", &consumer_name_shape, true},
    {"StreamId", &stream_id_shape},
    {"Tags", &tag_map_shape}};
constexpr Shape register_stream_consumer_input_shape{
    .type = Type::structure, .fields = register_stream_consumer_input_fields};
constexpr Shape tag_key_list_shape{
    .type = Type::list, .min = 1, .max = 50, .element = &tag_key_shape};
constexpr Field remove_tags_from_stream_input_fields[] = {{"StreamName", &stream_name_shape},
                                                          {"TagKeys", &tag_key_list_shape, true},
                                                          {"StreamARN", &stream_arn_shape},
                                                          {"StreamId", &stream_id_shape}};
constexpr Shape remove_tags_from_stream_input_shape{.type = Type::structure,
                                                    .fields = remove_tags_from_stream_input_fields};
constexpr Field split_shard_input_fields[] = {{"StreamName", &stream_name_shape},
                                              {"ShardToSplit", &shard_id_shape, true},
                                              {"NewStartingHashKey", &hash_key_shape, true},
                                              {"StreamARN", &stream_arn_shape},
                                              {"StreamId", &stream_id_shape}};
constexpr Shape split_shard_input_shape{.type = Type::structure,
                                        .fields = split_shard_input_fields};
constexpr std::string_view encryption_type_values[] = {"NONE", "KMS"};
constexpr Shape encryption_type_shape{.type = Type::text, .values = encryption_type_values};
constexpr Shape key_id_shape{.type = Type::text, .min = 1, .max = 2048};
constexpr Field start_stream_encryption_input_fields[] = {
    {"StreamName", &stream_name_shape},
    {"EncryptionType", &encryption_type_shape, true},
    {"KeyId", &key_id_shape, true},
    {"StreamARN", &stream_arn_shape},
    {"StreamId", &stream_id_shape}};
constexpr Shape start_stream_encryption_input_shape{.type = Type::structure,
                                                    .fields = start_stream_encryption_input_fields};
constexpr Field stop_stream_encryption_input_fields[] = {
    {"StreamName", &stream_name_shape},
    {"EncryptionType", &encryption_type_shape, true},
    {"KeyId", &key_id_shape, true},
    {"StreamARN", &stream_arn_shape},
    {"StreamId", &stream_id_shape}};
constexpr Shape stop_stream_encryption_input_shape{.type = Type::structure,
                                                   .fields = stop_stream_encryption_input_fields};
constexpr Field starting_position_fields[] = {{"Type", &shard_iterator_type_shape, true},
                                              {"SequenceNumber", &sequence_number_shape},
                                              {"Timestamp", &timestamp_shape}};
constexpr Shape starting_position_shape{.type = Type::structure,
                                        .fields = starting_position_fields};
constexpr Field subscribe_to_shard_input_fields[] = {
    {"ConsumerARN", &consumer_arn_shape, true},
    {"StreamId", &stream_id_shape},
    {"ShardId", &shard_id_shape, true},
    {"StartingPosition", &starting_position_shape, true},
    {"DryRun", &boolean_object_shape}};
constexpr Shape subscribe_to_shard_input_shape{.type = Type::structure,
                                               .fields = subscribe_to_shard_input_fields};
constexpr Field tag_resource_input_fields[] = {{"Tags", &tag_map_shape, true},
                                               {"ResourceARN", &resource_arn_shape, true},
                                               {"StreamId", &stream_id_shape}};
constexpr Shape tag_resource_input_shape{.type = Type::structure,
                                         .fields = tag_resource_input_fields};
constexpr Field untag_resource_input_fields[] = {{"TagKeys", &tag_key_list_shape, true},
                                                 {"ResourceARN", &resource_arn_shape, true},
                                                 {"StreamId", &stream_id_shape}};
constexpr Shape untag_resource_input_shape{.type = Type::structure,
                                           .fields = untag_resource_input_fields};
constexpr std::string_view minimum_throughput_billing_commitment_input_status_values[] = {
    "ENABLED", "DISABLED"};
constexpr Shape minimum_throughput_billing_commitment_input_status_shape{
    .type = Type::text, .values = minimum_throughput_billing_commitment_input_status_values};
constexpr Field minimum_throughput_billing_commitment_input_fields[] = {
    {"Status", &minimum_throughput_billing_commitment_input_status_shape, true}};
constexpr Shape minimum_throughput_billing_commitment_input_shape{
    .type = Type::structure, .fields = minimum_throughput_billing_commitment_input_fields};
constexpr Field update_account_settings_input_fields[] = {
    {"MinimumThroughputBillingCommitment", &minimum_throughput_billing_commitment_input_shape,
     true}};
constexpr Shape update_account_settings_input_shape{.type = Type::structure,
                                                    .fields = update_account_settings_input_fields};
constexpr Field update_max_record_size_input_fields[] = {
    {"StreamARN", &stream_arn_shape},
    {"StreamId", &stream_id_shape},
    {"MaxRecordSizeInKiB", &max_record_size_in_kib_shape, true}};
constexpr Shape update_max_record_size_input_shape{.type = Type::structure,
                                                   .fields = update_max_record_size_input_fields};
constexpr std::string_view scaling_type_values[] = {"UNIFORM_SCALING"};
constexpr Shape scaling_type_shape{.type = Type::text, .values = scaling_type_values};
constexpr Field update_shard_count_input_fields[] = {
    {"StreamName", &stream_name_shape},
    {"TargetShardCount", &positive_integer_object_shape, true},
    {"ScalingType", &scaling_type_shape, true},
    {"StreamARN", &stream_arn_shape},
    {"StreamId", &stream_id_shape}};
constexpr Shape update_shard_count_input_shape{.type = Type::structure,
                                               .fields = update_shard_count_input_fields};
constexpr Field update_stream_mode_input_fields[] = {
    {"StreamARN", &stream_arn_shape, true},
    {"StreamId", &stream_id_shape},
    {"StreamModeDetails", &stream_mode_details_shape, true},
    {"WarmThroughputMiBps", &natural_integer_object_shape}};
constexpr Shape update_stream_mode_input_shape{.type = Type::structure,
                                               .fields = update_stream_mode_input_fields};
constexpr Field update_stream_warm_throughput_input_fields[] = {
    {"StreamARN", &stream_arn_shape},
    {"StreamName", &stream_name_shape},
    {"StreamId", &stream_id_shape},
    {"WarmThroughputMiBps", &natural_integer_object_shape, true}};
constexpr Shape update_stream_warm_throughput_input_shape{
    .type = Type::structure, .fields = update_stream_warm_throughput_input_fields};

constexpr Action all[] = {
    {"AddTagsToStream", &add_tags_to_stream_input_shape},
    {"CreateStream", &create_stream_input_shape},
    {"DecreaseStreamRetentionPeriod", &decrease_stream_retention_period_input_shape},
    {"DeleteResourcePolicy", &delete_resource_policy_input_shape},
    {"DeleteStream", &delete_stream_input_shape},
    {"DeregisterStreamConsumer", &deregister_stream_consumer_input_shape},
    {"DescribeAccountSettings", &describe_account_settings_input_shape},
    {"DescribeLimits", &describe_limits_input_shape},
    {"DescribeStream", &describe_stream_input_shape},
    {"DescribeStreamConsumer", &describe_stream_consumer_input_shape},
    {"DescribeStreamSummary", &describe_stream_summary_input_shape},
    {"DisableEnhancedMonitoring", &disable_enhanced_monitoring_input_shape},
    {"EnableEnhancedMonitoring", &enable_enhanced_monitoring_input_shape},
    {"GetRecords", &get_records_input_shape},
    {"GetResourcePolicy", &get_resource_policy_input_shape},
    {"GetShardIterator", &get_shard_iterator_input_shape},
    {"IncreaseStreamRetentionPeriod", &increase_stream_retention_period_input_shape},
    {"ListShards", &list_shards_input_shape},
    {"ListStreamConsumers", &list_stream_consumers_input_shape},
    {"ListStreams", &list_streams_input_shape},
    {"ListTagsForResource", &list_tags_for_resource_input_shape},
    {"ListTagsForStream", &list_tags_for_stream_input_shape},
    {"MergeShards", &merge_shards_input_shape},
    {"PutRecord", &put_record_input_shape},
    {"PutRecords", &put_records_input_shape},
    {"PutResourcePolicy", &put_resource_policy_input_shape},
    {"RegisterStreamConsumer", &register_stream_consumer_input_shape},
    {"RemoveTagsFromStream", &remove_tags_from_stream_input_shape},
    {"SplitShard", &split_shard_input_shape},
    {"StartStreamEncryption", &start_stream_encryption_input_shape},
    {"StopStreamEncryption", &stop_stream_encryption_input_shape},
    {"SubscribeToShard", &subscribe_to_shard_input_shape},
    {"TagResource", &tag_resource_input_shape},
    {"UntagResource", &untag_resource_input_shape},
    {"UpdateAccountSettings", &update_account_settings_input_shape},
    {"UpdateMaxRecordSize", &update_max_record_size_input_shape},
    {"UpdateShardCount", &update_shard_count_input_shape},
    {"UpdateStreamMode", &update_stream_mode_input_shape},
    {"UpdateStreamWarmThroughput", &update_stream_warm_throughput_input_shape},
};

}  // namespace

std::span<const Action> actions() { return all; }

const Shape* input_of(std::string_view action) {
  auto found = std::find_if(std::begin(all), std::end(all),
                            [action](const Action& one) { return one.name == action; });
  return found == std::end(all) ? nullptr : found->input;
}

}  // namespace tailrace::aws::kinesis
