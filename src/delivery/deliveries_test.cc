#include "delivery/deliveries.h"

#include "delivery/delivery_fixture.h"
#include "delivery/ledger.h"

namespace tailrace::delivery {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

TEST_F(DeliveriesTest, GivesEachShardsRecordsInOrder) {
  functions_.answer_with([](const Seen&) { return done(); });
  append(0, numbers(0, 250));
  append(1, numbers(1000, 1200));
  start();

  put(trigger_spec("orders", "f"));
  ASSERT_TRUE(wait_delivered(0, 250));
  ASSERT_TRUE(wait_delivered(1, 200));
  append(0, numbers(250, 300));
  ASSERT_TRUE(wait_delivered(0, 300));

  EXPECT_EQ(functions_.records(0), numbers(0, 300));
  EXPECT_EQ(functions_.records(1), numbers(1000, 1200));
  for (auto& seen : functions_.seen()) EXPECT_LE(seen.data.size(), 100u);
  auto now = status();
  EXPECT_EQ(now.records, 500u);
  EXPECT_EQ(now.failures, 0u);
  EXPECT_EQ(now.error, "");
  EXPECT_EQ(now.cursors.at(0).next, 300u);
  EXPECT_EQ(now.cursors.at(0).end, 300u);
  EXPECT_EQ(now.cursors.at(0).lag_ms, 0);
}

TEST_F(DeliveriesTest, HasOneBatchOfAShardInFlight) {
  auto spec = trigger_spec("orders", "f");
  spec.batch_size = 2;
  append(0, numbers(0, 6));
  start();
  put(spec);

  for (std::size_t i = 0; i < 3; ++i) {
    auto call = functions_.call(i);
    EXPECT_EQ(functions_.count(), i + 1);
    EXPECT_EQ(status().cursors.at(0).attempt, 1u);
    EXPECT_EQ(status().cursors.at(0).next, 2 * i);
    call.done(done());
  }

  ASSERT_TRUE(wait_delivered(0, 6));
  EXPECT_EQ(functions_.records(0), numbers(0, 6));
}

TEST_F(DeliveriesTest, GivesTheSameRequestIdToEveryAttemptOfABatch) {
  auto spec = trigger_spec("orders", "f");
  spec.batch_size = 2;
  append(0, numbers(0, 4));
  start();
  put(spec);

  auto first = functions_.call(0);
  first.done(function_error());
  auto second = functions_.call(1);
  EXPECT_EQ(status().cursors.at(0).attempt, 2u);
  EXPECT_EQ(status().cursors.at(0).last_error, R"({"errorType":"Boom"})");
  second.done(function_error());
  functions_.call(2).done(done());
  auto other = functions_.call(3);
  other.done(done());
  ASSERT_TRUE(wait_delivered(0, 4));

  EXPECT_EQ(second.seen, first.seen);
  EXPECT_EQ(functions_.call(2).seen, first.seen);
  EXPECT_NE(other.seen.request_id, first.seen.request_id);
  EXPECT_EQ(status().failures, 2u);
  EXPECT_EQ(status().cursors.at(0).last_error, "");
}

TEST_F(DeliveriesTest, IgnoresASecondAnswerToTheSameInvocation) {
  auto spec = trigger_spec("orders", "f");
  spec.batch_size = 1;
  append(0, numbers(0, 3));
  start();
  put(spec);

  auto first = functions_.call(0);
  first.done(done());
  auto second = functions_.call(1);
  first.done(done());
  second.done(done());
  functions_.call(2).done(done());

  ASSERT_TRUE(wait_delivered(0, 3));
  EXPECT_EQ(functions_.records(0), numbers(0, 3));
}

TEST_F(DeliveriesTest, ParksABatchThatFailsTooOftenAndGoesOn) {
  functions_.answer_with([](const Seen& seen) {
    return seen.data.at(0) == "2" ? function_error(R"({"errorType":"Poison"})") : done();
  });
  auto spec = trigger_spec("orders", "f");
  spec.batch_size = 2;
  spec.attempts_max = 3;
  append(0, numbers(0, 6));
  start();
  put(spec);

  ASSERT_TRUE(wait_delivered(0, 6));

  EXPECT_EQ(functions_.records(0),
            (std::vector<std::string>{"0", "1", "2", "3", "2", "3", "2", "3", "4", "5"}));
  auto parked = deliveries_->parked().value();
  ASSERT_THAT(parked, SizeIs(1));
  EXPECT_EQ(parked[0].trigger, "orders/f");
  EXPECT_EQ(parked[0].stream, "orders");
  EXPECT_EQ(parked[0].function, "f");
  EXPECT_EQ(parked[0].shard, 0u);
  EXPECT_EQ(parked[0].first, 2u);
  EXPECT_EQ(parked[0].last, 3u);
  EXPECT_EQ(parked[0].records, 2u);
  EXPECT_EQ(parked[0].attempts, 3u);
  EXPECT_EQ(parked[0].error, R"({"errorType":"Poison"})");
  EXPECT_EQ(parked[0].event, "");
  auto whole = deliveries_->parked(parked[0].id).value();
  EXPECT_EQ(read_event("f", "", whole.event).data, numbers(2, 4));
  EXPECT_EQ(status().parked, 1u);
  EXPECT_EQ(status().records, 4u);
}

TEST_F(DeliveriesTest, APoisonedShardDoesNotHoldUpTheOthers) {
  functions_.answer_with(
      [](const Seen& seen) { return seen.shard == 0 ? function_error() : done(); });
  auto spec = trigger_spec("orders", "f");
  spec.attempts_max = 10001;
  append(0, {"poison"});
  start();
  put(spec);
  functions_.call(3);

  append(1, numbers(0, 500));

  ASSERT_TRUE(wait_delivered(1, 500));
  EXPECT_FALSE(deliveries_->delivered("orders", {{0, 1}, {1, 500}}));
  EXPECT_TRUE(deliveries_->delivered("orders", {{0, 0}, {1, 500}}));
}

TEST_F(DeliveriesTest, TryLaterDoesNotCountAsAnAttempt) {
  std::atomic<int> asked{0};
  functions_.answer_with([&](const Seen&) { return ++asked < 8 ? try_later() : done(); });
  auto spec = trigger_spec("orders", "f");
  spec.attempts_max = 1;
  append(0, {"a"});
  start();
  put(spec);

  ASSERT_TRUE(wait_delivered(0, 1));

  EXPECT_THAT(functions_.seen(), SizeIs(8));
  EXPECT_EQ(functions_.call(7).seen, functions_.call(0).seen);
  EXPECT_THAT(deliveries_->parked().value(), SizeIs(0));
  EXPECT_EQ(status().failures, 0u);
}

TEST_F(DeliveriesTest, ResumesAtTheCheckpointAfterARestart) {
  auto spec = trigger_spec("orders", "f");
  spec.batch_size = 2;
  append(0, numbers(0, 6));
  start();
  put(spec);
  functions_.call(0).done(done());
  functions_.call(1);  // in flight, never answered
  ASSERT_TRUE(wait_delivered(0, 2));

  restart();
  functions_.answer_with([](const Seen&) { return done(); });
  put(spec);
  ASSERT_TRUE(wait_delivered(0, 6));

  EXPECT_EQ(functions_.records(0),
            (std::vector<std::string>{"0", "1", "2", "3", "2", "3", "4", "5"}));
}

TEST_F(DeliveriesTest, PinsLatestWhenPutReturns) {
  functions_.answer_with([](const Seen&) { return done(); });
  auto spec = trigger_spec("orders", "f");
  spec.start = TriggerSpec::Start::latest;
  append(0, numbers(0, 3));
  start();
  put(spec);
  // Not a record that comes after put() may be missed, whatever happens before it is delivered.
  deliveries_.reset();
  append(0, numbers(3, 5));
  start();
  put(spec);

  ASSERT_TRUE(wait_delivered(0, 5));

  EXPECT_EQ(functions_.records(0), numbers(3, 5));
}

TEST_F(DeliveriesTest, StartsAtATime) {
  functions_.answer_with([](const Seen&) { return done(); });
  auto stream = streams_->find("orders");
  stream::Batch batch = stream->begin_batch();
  for (int i = 0; i < 5; ++i) {
    batch.set_arrival(UnixMicros(std::chrono::seconds(1700000000 + i)));
    add_to(batch, *stream, 0, std::to_string(i));
  }
  auto appended = stream->append(batch, patience).value();
  ASSERT_TRUE(stream->log().wait_durable(appended.ticket, patience));
  auto spec = trigger_spec("orders", "f");
  spec.start = TriggerSpec::Start::timestamp;
  spec.start_ms = 1700000002'500;
  start();
  put(spec);

  ASSERT_TRUE(wait_delivered(0, 5));

  EXPECT_EQ(functions_.records(0), numbers(3, 5));
}

TEST_F(DeliveriesTest, WaitsForTheWindowToFillABatch) {
  auto spec = trigger_spec("orders", "f");
  spec.batch_size = 4;
  spec.batch_window = std::chrono::seconds(300);
  start();
  put(spec);

  append(0, numbers(0, 1));
  append(0, numbers(1, 3));
  append(0, numbers(3, 4));

  EXPECT_EQ(functions_.call(0).seen.data, numbers(0, 4));
}

TEST_F(DeliveriesTest, ClosesABatchWhenItsWindowEnds) {
  auto spec = trigger_spec("orders", "f");
  spec.batch_window = std::chrono::milliseconds(30);
  start();
  put(spec);
  auto begin = std::chrono::steady_clock::now();
  append(0, numbers(0, 1));

  auto first = functions_.call(0);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, spec.batch_window);
  EXPECT_EQ(first.seen.data, numbers(0, 1));
  first.done(done());
  append(0, numbers(1, 2));
  EXPECT_EQ(functions_.call(1).seen.data, numbers(1, 2));
}

TEST_F(DeliveriesTest, AShorterWindowHoldsForTheBatchThatIsWaiting) {
  auto spec = trigger_spec("orders", "f");
  spec.batch_window = std::chrono::seconds(300);
  start();
  put(spec);
  append(0, numbers(0, 1));

  spec.batch_window = std::chrono::seconds(0);
  put(spec);

  EXPECT_EQ(functions_.call(0).seen.data, numbers(0, 1));
}

TEST_F(DeliveriesTest, AChangedSpecKeepsTheCheckpoints) {
  auto spec = trigger_spec("orders", "f");
  spec.batch_size = 2;
  append(0, numbers(0, 6));
  start();
  put(spec);
  auto first = functions_.call(0);

  spec.function = "g";
  spec.batch_size = 3;
  spec.start = TriggerSpec::Start::latest;
  put(spec);
  first.done(done());

  auto second = functions_.call(1);
  EXPECT_EQ(second.seen.function, "g");
  EXPECT_EQ(second.seen.data, numbers(2, 5));
}

TEST_F(DeliveriesTest, RetriesABatchWithTheFunctionThatIsNowSet) {
  auto spec = trigger_spec("orders", "broken");
  append(0, numbers(0, 1));
  start();
  put(spec);
  functions_.call(0).done(function_error());
  functions_.call(1);

  spec.function = "mended";
  put(spec);
  functions_.call(1).done(function_error());

  auto third = functions_.call(2);
  EXPECT_EQ(third.seen.function, "mended");
  EXPECT_EQ(third.seen.request_id, functions_.call(0).seen.request_id);
}

TEST_F(DeliveriesTest, ClosesABatchBeforeItsEventPassesSixMegabytes) {
  functions_.answer_with([](const Seen&) { return done(); });
  std::string large(2'000'000, 'x');  // 2.7 MB in base64: two of them fit, three do not
  for (int i = 0; i < 5; ++i) append(0, {large});
  start();
  put(trigger_spec("orders", "f"));

  ASSERT_TRUE(wait_delivered(0, 5));

  std::vector<std::size_t> sizes;
  for (auto& seen : functions_.seen()) sizes.push_back(seen.data.size());
  EXPECT_THAT(sizes, ElementsAre(2, 2, 1));
}

TEST_F(DeliveriesTest, ParksARecordThatNoEventCanHoldWithoutInvoking) {
  functions_.answer_with([](const Seen&) { return done(); });
  append(0, {"before", std::string(5'000'000, 'x'), "after"});
  start();
  put(trigger_spec("orders", "f"));

  ASSERT_TRUE(wait_delivered(0, 3));

  EXPECT_EQ(functions_.records(0), (std::vector<std::string>{"before", "after"}));
  auto parked = deliveries_->parked().value();
  ASSERT_THAT(parked, SizeIs(1));
  EXPECT_EQ(parked[0].first, 1u);
  EXPECT_EQ(parked[0].last, 1u);
  EXPECT_EQ(parked[0].attempts, 0u);
  EXPECT_THAT(parked[0].error, AllOf(HasSubstr("EventTooLarge"), HasSubstr("6291456")));
  EXPECT_EQ(nlohmann::json::parse(parked[0].error).size(), 2u);
  // Its data is kept, but it cannot be given to a function.
  auto whole = deliveries_->parked(parked[0].id).value();
  EXPECT_EQ(read_event("f", "", whole.event).data.at(0).size(), 5'000'000u);
  auto refused = redrive(parked[0].id);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::invalid);
  EXPECT_EQ(functions_.count(), 2u);
}

TEST_F(DeliveriesTest, SeveralTriggersOfAStreamReadIndependently) {
  append(0, numbers(0, 2));
  start();
  put(trigger_spec("orders", "f"));
  put(trigger_spec("orders", "g"));

  std::map<std::string, FakeFunctions::Call> calls;
  for (std::size_t i = 0; i < 2; ++i) calls[functions_.call(i).seen.function] = functions_.call(i);
  calls.at("f").done(done());
  ASSERT_TRUE(wait_until(*deliveries_, [&] { return status().cursors.at(0).next == 2; }));
  EXPECT_FALSE(deliveries_->delivered("orders", {{0, 2}}));
  calls.at("g").done(done());
  EXPECT_TRUE(wait_delivered(0, 2));
}

TEST_F(DeliveriesTest, RemovingATriggerForgetsItsBatchAndItsCheckpoints) {
  auto spec = trigger_spec("orders", "f");
  spec.batch_size = 1;
  append(0, numbers(0, 2));
  start();
  put(spec);
  functions_.call(0).done(done());
  auto in_flight = functions_.call(1);

  ASSERT_TRUE(deliveries_->remove(spec.id));
  in_flight.done(done());
  EXPECT_TRUE(deliveries_->delivered("orders", {{0, 2}}));
  EXPECT_THAT(deliveries_->status(), SizeIs(0));
  EXPECT_EQ(deliveries_->remove(spec.id).error().fault, Fault::not_found);

  put(spec);
  EXPECT_EQ(functions_.call(2).seen.data, numbers(0, 1));
}

TEST_F(DeliveriesTest, AnAnswerAfterTheEndIsHarmless) {
  append(0, numbers(0, 1));
  append(1, numbers(0, 1));
  start();
  put(trigger_spec("orders", "f"));
  auto one = functions_.call(0), other = functions_.call(1);

  deliveries_.reset();
  one.done(done());
  pool_.reset();
  other.done(function_error());

  EXPECT_EQ(functions_.count(), 2u);
}

TEST_F(DeliveriesTest, EndsWhileNothingRunsTheIoContext) {
  boost::asio::io_context idle;
  append(0, numbers(0, 1));
  {
    Deliveries::Options options;
    options.file = folder_ + "/delivery.sqlite";
    auto deliveries = Deliveries::make(idle, options, *streams_, functions_, clock_).value();
    ASSERT_TRUE(deliveries->put(trigger_spec("orders", "f")));
    append(0, numbers(1, 2));
  }
  idle.run();
  EXPECT_EQ(functions_.count(), 0u);
}

TEST_F(DeliveriesTest, RedrivesAParkedBatch) {
  std::atomic<bool> mended{false};
  functions_.answer_with([&](const Seen&) { return mended ? done() : function_error(); });
  auto spec = trigger_spec("orders", "f");
  spec.attempts_max = 1;
  append(0, numbers(0, 2));
  start();
  put(spec);
  ASSERT_TRUE(wait_delivered(0, 2));
  auto id = deliveries_->parked().value().at(0).id;

  auto failed = redrive(id);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().fault, Fault::conflict);
  EXPECT_THAT(failed.error().message, HasSubstr("Boom"));
  EXPECT_EQ(deliveries_->parked(id)->attempts, 2u);
  mended = true;
  auto worked = redrive(id);

  EXPECT_TRUE(worked) << worked.error().message;
  EXPECT_THAT(deliveries_->parked().value(), SizeIs(0));
  EXPECT_EQ(status().parked, 0u);
  auto seen = functions_.seen();
  ASSERT_THAT(seen, SizeIs(3));
  EXPECT_EQ(seen[2].data, numbers(0, 2));
  EXPECT_EQ(redrive(id).error().fault, Fault::not_found);
}

TEST_F(DeliveriesTest, ABatchIsRedrivenOnceAtATimeAndNotDiscardedMeanwhile) {
  auto spec = trigger_spec("orders", "f");
  spec.attempts_max = 1;
  append(0, numbers(0, 1));
  start();
  put(spec);
  functions_.call(0).done(function_error());
  ASSERT_TRUE(wait_delivered(0, 1));
  auto id = deliveries_->parked().value().at(0).id;
  std::promise<Result<void>> outcome;
  deliveries_->redrive(id, [&](Result<void> result) { outcome.set_value(std::move(result)); });
  auto call = functions_.call(1);

  EXPECT_EQ(redrive(id).error().fault, Fault::conflict);
  EXPECT_EQ(deliveries_->discard(id).error().fault, Fault::conflict);
  call.done(try_later());

  auto result = outcome.get_future().get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fault, Fault::unavailable);
  EXPECT_THAT(deliveries_->parked().value(), SizeIs(1));
}

TEST_F(DeliveriesTest, ARedriveThatOutlivesTheEndIsForgotten) {
  auto spec = trigger_spec("orders", "f");
  spec.attempts_max = 1;
  append(0, numbers(0, 1));
  start();
  put(spec);
  functions_.call(0).done(function_error());
  ASSERT_TRUE(wait_delivered(0, 1));
  bool called = false;
  deliveries_->redrive(deliveries_->parked().value().at(0).id,
                       [&](const Result<void>&) { called = true; });
  auto call = functions_.call(1);

  deliveries_.reset();
  call.done(done());
  pool_.reset();

  EXPECT_FALSE(called);
}

TEST_F(DeliveriesTest, DiscardsAParkedBatch) {
  functions_.answer_with([](const Seen&) { return function_error(); });
  auto spec = trigger_spec("orders", "f");
  spec.attempts_max = 1;
  append(0, numbers(0, 1));
  start();
  put(spec);
  ASSERT_TRUE(wait_delivered(0, 1));
  auto id = deliveries_->parked().value().at(0).id;

  EXPECT_TRUE(deliveries_->discard(id));
  EXPECT_THAT(deliveries_->parked().value(), SizeIs(0));
  EXPECT_EQ(deliveries_->discard(id).error().fault, Fault::not_found);
  EXPECT_EQ(deliveries_->parked(id).error().fault, Fault::not_found);
}

TEST_F(DeliveriesTest, ClampsACheckpointBeyondTheEndForGood) {
  auto spec = trigger_spec("orders", "f");
  {
    auto ledger = Ledger::open(folder_ + "/delivery.sqlite", [] {}).value();
    ASSERT_TRUE(ledger->pin(spec.id, 7, {{0, 100}, {1, 0}}));
  }
  append(0, numbers(0, 3));
  start();
  put(spec);
  EXPECT_EQ(status().cursors.at(0).next, 3u);
  // What comes now may not be taken for handled at the next start.
  deliveries_.reset();
  append(0, numbers(3, 5));
  start();
  functions_.answer_with([](const Seen&) { return done(); });
  put(spec);

  ASSERT_TRUE(wait_delivered(0, 5));

  EXPECT_EQ(functions_.records(0), numbers(3, 5));
}

TEST_F(DeliveriesTest, AStreamMadeAnewIsReadFromItsStart) {
  functions_.answer_with([](const Seen&) { return done(); });
  auto spec = trigger_spec("orders", "f");
  {
    auto ledger = Ledger::open(folder_ + "/delivery.sqlite", [] {}).value();
    ASSERT_TRUE(ledger->pin(spec.id, 6, {{0, 2}, {1, 0}}));
  }
  append(0, numbers(0, 3));
  start();
  put(spec);

  ASSERT_TRUE(wait_delivered(0, 3));

  EXPECT_EQ(functions_.records(0), numbers(0, 3));
}

TEST_F(DeliveriesTest, RefusesATriggerThatCannotBe) {
  start();
  auto refused = deliveries_->put(trigger_spec("missing", "f"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::not_found);
  EXPECT_THAT(refused.error().message, HasSubstr("missing"));
  auto spec = trigger_spec("orders", "f");
  spec.batch_size = 10001;
  EXPECT_EQ(deliveries_->put(spec).error().fault, Fault::invalid);
  spec = trigger_spec("orders", "f");
  spec.attempts_max = 0;
  EXPECT_EQ(deliveries_->put(spec).error().fault, Fault::invalid);
  spec = trigger_spec("orders", "f");
  spec.batch_window = std::chrono::seconds(301);
  EXPECT_EQ(deliveries_->put(spec).error().fault, Fault::invalid);
  EXPECT_THAT(deliveries_->status(), SizeIs(0));
}

}  // namespace
}  // namespace tailrace::delivery
