#include "aws/door.h"

#include <gtest/gtest.h>

#include "aws/captured_answer.h"
#include "aws/event_stream.h"
#include "aws/identity.h"
#include "aws/sigv4.h"

namespace tailrace::aws {
namespace {

constexpr const char* json = "application/x-amz-json-1.1";
constexpr const char* cbor = "application/x-amz-cbor-1.1";

constexpr Shape limit{.type = Shape::Type::integer, .min = 1, .max = 10};
constexpr Shape name{.type = Shape::Type::text};
constexpr Field echo_fields[] = {{"Name", &name}, {"Limit", &limit}};
constexpr Shape echo_input{.type = Shape::Type::structure, .fields = echo_fields};
constexpr Shape no_input{.type = Shape::Type::structure};

// The clock of the signature below.
class FixedClock final : public Clock {
 public:
  UnixMicros now() override { return UnixMicros(std::chrono::seconds(1767225600)); }
  std::chrono::steady_clock::time_point steady() override { return {}; }
};

class DoorTest : public ::testing::Test {
 protected:
  std::vector<Operation> operations() {
    auto resources = [](const Value& input) {
      return std::vector<std::string>{input["Name"] ? std::string(input["Name"].text()) : "*"};
    };
    auto echo = [this](const std::shared_ptr<Call>& call) {
      ++served_;
      call->answer([&](Writer& writer) { writer.text("Name", call->input()["Name"].text()); });
    };
    auto nothing = [this](const std::shared_ptr<Call>& call) {
      ++served_;
      call->answer();
    };
    auto missing = [](const std::shared_ptr<Call>& call) {
      call->fail({"ResourceNotFoundException", "no such thing"});
    };
    auto forgotten = [](const std::shared_ptr<Call>&) {};
    auto events = [](const std::shared_ptr<Call>& call) {
      auto responder = call->start_events([](bool) {});
      responder->end();
    };
    return {{"ListStreams", &echo_input, resources, echo},
            {"Nothing", &no_input, resources, nothing},
            {"Missing", &echo_input, resources, missing},
            {"Forgotten", &echo_input, resources, forgotten},
            {"Events", &echo_input, resources, events}};
  }

  static http::Request request(const std::string& action, const std::string& body,
                               const std::string& type = json) {
    http::Request request;
    request.method = "POST";
    request.target = request.path = "/";
    request.authority = "localhost:4567";
    request.headers = {{"content-type", type}};
    if (!action.empty()) request.headers.emplace_back("x-amz-target", "Kinesis_20131202." + action);
    request.body = body;
    return request;
  }

  CapturedAnswer ask(http::Request request) {
    Door door({"Kinesis_20131202", "kinesis"}, operations(), verifier_);
    CapturedAnswer answer;
    door.serve(std::move(request), std::make_shared<CapturingResponder>(answer));
    return answer;
  }

  void expect(const http::Request& asked, int status, const std::string& body) {
    CapturedAnswer answer = ask(asked);
    ASSERT_TRUE(answer.response.has_value());
    EXPECT_EQ(answer.response->status, status);
    EXPECT_EQ(answer.response->body, body);
    EXPECT_EQ(answer.header("x-amzn-RequestId").size(), 36u);
  }

  Verifier* verifier_ = nullptr;
  int served_ = 0;
};

TEST_F(DoorTest, AnswersInTheCodecOfTheRequest) {
  CapturedAnswer answer = ask(request("ListStreams", R"({"Name":"a"})"));
  EXPECT_EQ(answer.response->status, 200);
  EXPECT_EQ(answer.response->content_type, json);
  EXPECT_EQ(answer.response->body, R"({"Name":"a"})");
  EXPECT_EQ(answer.header("x-amz-id-2").size(), 96u);

  answer = ask(request("ListStreams",
                       "\xbf\x64"
                       "Name\x61"
                       "a\xff",
                       cbor));
  EXPECT_EQ(answer.response->content_type, cbor);
  EXPECT_EQ(answer.response->body,
            "\xbf\x64"
            "Name\x61"
            "a\xff");

  EXPECT_EQ(ask(request("ListStreams", "{}", "application/x-amz-json-1.1; charset=utf-8"))
                .response->status,
            200);
}

TEST_F(DoorTest, OperationsWithoutOutputAnswerAnEmptyBody) {
  CapturedAnswer answer = ask(request("Nothing", "{}"));
  EXPECT_EQ(answer.response->status, 200);
  EXPECT_EQ(answer.response->body, "");
  EXPECT_EQ(answer.response->content_type, json);
  // There was nothing to say.
  EXPECT_EQ(ask(request("Nothing", "")).response->status, 200);
}

TEST_F(DoorTest, AFailureIsToldInBodyAndHeader) {
  CapturedAnswer answer = ask(request("Missing", "{}"));
  EXPECT_EQ(answer.response->status, 400);
  EXPECT_EQ(answer.response->body,
            R"({"__type":"ResourceNotFoundException","message":"no such thing"})");
  EXPECT_EQ(answer.header("x-amzn-ErrorType"), "ResourceNotFoundException");
}

TEST_F(DoorTest, ACallThatIsDroppedIsAnsweredAllTheSame) {
  CapturedAnswer answer = ask(request("Forgotten", "{}"));
  EXPECT_EQ(answer.response->status, 500);
  EXPECT_EQ(answer.header("x-amzn-ErrorType"), "InternalFailure");
}

TEST_F(DoorTest, AnEventStreamBeginsWithTheInitialResponse) {
  CapturedAnswer answer = ask(request("Events", "{}"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.content_type, "application/vnd.amazon.eventstream");
  EXPECT_EQ(answer.header("x-amzn-RequestId").size(), 36u);
  EXPECT_EQ(answer.chunks, std::vector<std::string>{initial_response_frame(Codec::json)});
  EXPECT_TRUE(answer.ended);
}

constexpr const char* nothing_to_authorize =
    "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be "
    "authorized</Message>\n</AccessDeniedException>\n";

TEST_F(DoorTest, ChecksInTheOrderOfAws) {
  http::Request get = request("ListStreams", "{}");
  get.method = "GET";
  expect(get, 403, nothing_to_authorize);
  expect(request("ListStreams", ""), 400, R"({"__type":"SerializationException"})");
  expect(request("Nobody", ""), 400, R"({"__type":"UnknownOperationException"})");
  // Asked for in another type, an empty body is refused in CBOR.
  expect(request("ListStreams", "", "text/plain"), 400,
         "\xbf\x66"
         "__type\x76"
         "SerializationException\xff");
  expect(request("", "{}", "text/plain"), 403, nothing_to_authorize);
  expect(request("ListStreams", "{}", "text/plain"), 404, "<UnknownOperationException/>\n");
  expect(
      request("ListStreams", "{", "application/json"), 400,
      R"({"Output":{"__type":"com.amazon.coral.service#SerializationException"},"Version":"1.0"})");
  expect(
      request("ListStreams", "{}", "application/json"), 404,
      R"({"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"})");
  expect(request("Nobody", "{"), 400, R"({"__type":"SerializationException"})");
  expect(request("Nobody", "{}"), 400, R"({"__type":"UnknownOperationException"})");
  expect(request("", "{}"), 400, R"({"__type":"UnknownOperationException"})");
  expect(
      request("ListStreams", R"({"Name":1,"Limit":0})"), 400,
      R"({"__type":"SerializationException","Message":"class )"
      R"(com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String"})");
  expect(
      request("ListStreams", R"({"Limit":0})"), 400,
      R"({"__type":"ValidationException","message":"1 validation error detected: Value '0' at )"
      R"('limit' failed to satisfy constraint: Member must have value greater than or equal to 1"})");
  EXPECT_EQ(served_, 0);
}

TEST_F(DoorTest, PagesGetNothingWhereAnyKeyWorks) {
  http::Request from_page = request("Nothing", "{}");
  from_page.headers.emplace_back("origin", "https://evil.example");
  CapturedAnswer answer = ask(from_page);
  EXPECT_EQ(answer.response->status, 403);
  EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "");
  EXPECT_EQ(served_, 0);

  from_page.method = "OPTIONS";
  EXPECT_EQ(ask(from_page).response->status, 403);
  // What a page can send without asking its browser's leave has no action.
  EXPECT_EQ(ask(request("", "{}", "text/plain")).response->status, 403);
}

class SignedDoorTest : public DoorTest {
 protected:
  void require_signatures(const std::string& policy) {
    keys_ = std::make_unique<Keys>(*Keys::make({{"AKID", "secret", "", policy}}, "000000000000"));
    checked_ = std::make_unique<Verifier>(Verifier::Options{"us-east-1"}, *keys_, clock_);
    verifier_ = checked_.get();
  }

  // Signed by botocore.
  static http::Request signed_request() {
    http::Request request = DoorTest::request("ListStreams", "{}");
    request.headers.emplace_back("host", "localhost:4567");
    request.headers.emplace_back("x-amz-date", "20260101T000000Z");
    request.headers.emplace_back(
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/kinesis/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
        "Signature=c76c5a804d49bf3ded2b9442ebfd9450adbf6d83a0ce32cb5ce108a06f47c2ae");
    return request;
  }

  FixedClock clock_;
  std::unique_ptr<Keys> keys_;
  std::unique_ptr<Verifier> checked_;
};

TEST_F(SignedDoorTest, ServesWhatIsSigned) {
  require_signatures("");
  EXPECT_EQ(ask(signed_request()).response->status, 200);
}

TEST_F(SignedDoorTest, RefusesWhatIsNotSignedAfterLookingAtTheBodyAndTheAction) {
  require_signatures("");
  CapturedAnswer answer = ask(request("ListStreams", "{}"));
  EXPECT_EQ(answer.header("x-amzn-ErrorType"), "MissingAuthenticationTokenException");
  EXPECT_EQ(ask(request("ListStreams", "{")).header("x-amzn-ErrorType"), "SerializationException");
  EXPECT_EQ(ask(request("Nobody", "{}")).header("x-amzn-ErrorType"), "UnknownOperationException");
  http::Request changed = signed_request();
  changed.body = "{ }";
  EXPECT_EQ(ask(changed).header("x-amzn-ErrorType"), "InvalidSignatureException");
  EXPECT_EQ(served_, 0);
}

// A page cannot sign, so there is nothing to fear of it.
TEST_F(SignedDoorTest, AnswersPagesOfAnyOriginAsAwsDoes) {
  require_signatures("");
  http::Request asking;
  asking.method = "OPTIONS";
  asking.headers = {{"origin", "https://any.example"},
                    {"access-control-request-headers", "x-amz-target,content-type"},
                    {"access-control-request-method", "POST"}};
  CapturedAnswer answer = ask(asking);
  EXPECT_EQ(answer.response->status, 200);
  EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(answer.header("Access-Control-Allow-Headers"), "x-amz-target,content-type");
  EXPECT_EQ(answer.header("Access-Control-Allow-Methods"), "POST");
  EXPECT_EQ(answer.header("Access-Control-Max-Age"), "172800");
  EXPECT_EQ(answer.header("x-amz-id-2"), "");

  http::Request from_page = signed_request();
  from_page.headers.emplace_back("origin", "https://any.example");
  answer = ask(from_page);
  EXPECT_EQ(answer.response->status, 200);
  EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "*");
  EXPECT_NE(answer.header("Access-Control-Expose-Headers"), "");
  from_page.headers.erase(from_page.headers.end() - 2);  // its authorization
  EXPECT_EQ(ask(from_page).header("x-amzn-ErrorType"), "MissingAuthenticationTokenException");
}

TEST_F(SignedDoorTest, HoldsTheActionAgainstThePolicyOfTheKey) {
  require_signatures(
      R"({"Statement":{"Effect":"Allow","Action":"kinesis:Describe*","Resource":"*"}})");
  CapturedAnswer answer = ask(signed_request());
  EXPECT_EQ(answer.response->status, 400);
  EXPECT_EQ(answer.header("x-amzn-ErrorType"), "AccessDeniedException");
  EXPECT_EQ(served_, 0);
}

}  // namespace
}  // namespace tailrace::aws
