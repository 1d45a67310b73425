#include "http/tls.h"

#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "http/server_fixture.h"

namespace tailrace::http {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

template <auto free>
struct Frees {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Frees<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Frees<X509_free>>;
using File = std::unique_ptr<std::FILE, Frees<std::fclose>>;

class TlsTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    std::string name = std::filesystem::temp_directory_path() / "tailrace-tls-XXXXXX";
    ASSERT_TRUE(::mkdtemp(name.data()));
    folder_ = name;
    write_pair("server");
  }

  void TearDown() override {
    ServerTest::TearDown();
    std::filesystem::remove_all(folder_);
  }

  std::string file(const std::string& name) { return folder_ / name; }

  void write_pair(const std::string& name) {
    Key key(EVP_EC_gen("P-256"));
    Certificate certificate(X509_new());
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_sign(certificate.get(), key.get(), EVP_sha256());
    File key_file(std::fopen(file(name + ".key").c_str(), "w"));
    PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    File certificate_file(std::fopen(file(name + ".pem").c_str(), "w"));
    PEM_write_X509(certificate_file.get(), certificate.get());
  }

  Server::Options options(Server::PlainText plain_text = Server::PlainText::refused) {
    Server::Options with;
    with.tls = Server::Tls{file("server.pem"), file("server.key"), plain_text};
    return with;
  }

  void serve_version(Server::PlainText plain_text = Server::PlainText::refused) {
    serve(
        [](Request request, std::shared_ptr<Responder> responder) {
          responder->send(
              {200,
               "text/plain",
               std::to_string(request.version) + (request.secure ? " secure" : " plain"),
               {{"connection", "close"}}});
        },
        options(plain_text));
  }

  std::filesystem::path folder_;
};

// A TLS client; empty protocols: no ALPN.
class TlsPeer {
 public:
  TlsPeer(std::uint16_t port, std::string_view protocols, int version_max = TLS1_3_VERSION)
      : peer_(port), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_max_proto_version(context_.get(), version_max);
    ssl_.reset(SSL_new(context_.get()));
    if (!protocols.empty())
      SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                          static_cast<unsigned>(protocols.size()));
    SSL_set_fd(ssl_.get(), peer_.fd());
    connected_ = SSL_connect(ssl_.get()) == 1;
  }

  bool connected() const { return connected_; }

  std::string protocol() const {
    const unsigned char* name = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &length);
    return {reinterpret_cast<const char*>(name), length};
  }

  std::string answer_to(std::string_view bytes) {
    SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    std::string heard;
    std::array<char, 4096> part;
    for (int count; (count = SSL_read(ssl_.get(), part.data(), part.size())) > 0;)
      heard.append(part.data(), static_cast<std::size_t>(count));
    ended_ = SSL_get_error(ssl_.get(), 0) == SSL_ERROR_ZERO_RETURN;
    return heard;
  }

  std::string hear(std::size_t bytes) {
    std::string heard(bytes, '\0');
    auto count = SSL_read(ssl_.get(), heard.data(), static_cast<int>(bytes));
    heard.resize(static_cast<std::size_t>(std::max(count, 0)));
    return heard;
  }

  // Whether the end was told, not just a closed socket.
  bool ended() const { return ended_; }

 private:
  Peer peer_;
  std::unique_ptr<SSL_CTX, Frees<SSL_CTX_free>> context_;
  std::unique_ptr<SSL, Frees<SSL_free>> ssl_;
  bool connected_ = false;
  bool ended_ = false;
};

constexpr std::string_view get = "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

TEST_F(TlsTest, ServesHttp1WithAndWithoutAlpn) {
  serve_version();
  for (std::string_view protocols : {std::string_view(), std::string_view("\x08http/1.1")}) {
    TlsPeer someone(server_->port(), protocols);
    ASSERT_TRUE(someone.connected());
    EXPECT_THAT(someone.answer_to(get), testing::EndsWith("11 secure"));
    EXPECT_TRUE(someone.ended());
  }
}

TEST_F(TlsTest, ChoosesHttp2WhenThePeerKnowsIt) {
  serve_version();
  TlsPeer someone(server_->port(), "\x08http/1.1\x02h2");
  ASSERT_TRUE(someone.connected());
  EXPECT_EQ(someone.protocol(), "h2");
  // The server's preface, before the peer has said anything: SETTINGS of stream 0.
  auto preface = someone.hear(9);
  ASSERT_EQ(preface.size(), 9u);
  EXPECT_EQ(preface.substr(3), std::string("\x04\0\0\0\0\0", 6));
}

TEST_F(TlsTest, RefusesOldVersionsAndUnknownProtocols) {
  serve_version();
  EXPECT_FALSE(TlsPeer(server_->port(), "", TLS1_1_VERSION).connected());
  EXPECT_TRUE(TlsPeer(server_->port(), "", TLS1_2_VERSION).connected());
  EXPECT_FALSE(TlsPeer(server_->port(), "\x04smtp").connected());
}

TEST_F(TlsTest, PlainTextIsRefusedInWords) {
  serve_version();
  auto text = answer_to(get);
  EXPECT_THAT(text, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(text, testing::EndsWith("\r\n\r\n{\"error\":\"this port speaks TLS only\"}"));
  EXPECT_THAT(text, HasSubstr("content-length: 37\r\n"));
}

TEST_F(TlsTest, PlainTextIsServedWhereItIsAccepted) {
  serve_version(Server::PlainText::accepted);
  EXPECT_THAT(answer_to(get), testing::EndsWith("11 plain"));
  TlsPeer someone(server_->port(), "");
  EXPECT_THAT(someone.answer_to(get), testing::EndsWith("11 secure"));
}

TEST_F(TlsTest, ADrainedConnectionEndsWithANotice) {
  serve_version();
  TlsPeer someone(server_->port(), "\x02h2");
  ASSERT_EQ(someone.hear(9).size(), 9u) << "the server's preface";
  server_->drain();
  someone.answer_to("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  EXPECT_TRUE(someone.ended());
}

TEST_F(TlsTest, ASilentPeerIsNotWaitedForAtTheEnd) {
  serve_version();
  TlsPeer idle(server_->port(), "\x08http/1.1");
  ASSERT_TRUE(idle.connected());
  server_->drain();
  // Less than a peer gets that is still to read an answer.
  EXPECT_TRUE(server_->wait_until_drained(std::chrono::seconds{4}));
  EXPECT_EQ(idle.hear(1), "");
}

TEST_F(TlsTest, BadFilesAreNamed) {
  auto failure = [&](const std::string& certificate, const std::string& key) {
    Server::Options with;
    with.tls = Server::Tls{certificate, key, Server::PlainText::refused};
    auto server = Server::listen(io_, with, [](Request, std::shared_ptr<Responder>) {});
    EXPECT_FALSE(server);
    return server ? Error{} : server.error();
  };
  write_pair("other");
  EXPECT_EQ(failure(file("none.pem"), file("server.key")).fault, Fault::not_found);
  EXPECT_THAT(failure(file("none.pem"), file("server.key")).message, HasSubstr(file("none.pem")));
  EXPECT_THAT(failure(file("server.key"), file("server.key")).message,
              HasSubstr("the certificate " + file("server.key")));
  EXPECT_THAT(failure(file("server.pem"), file("server.pem")).message,
              HasSubstr("the key " + file("server.pem")));
  auto foreign = failure(file("server.pem"), file("other.key"));
  EXPECT_EQ(foreign.fault, Fault::invalid);
  EXPECT_THAT(foreign.message, HasSubstr("does not belong"));
}

}  // namespace
}  // namespace tailrace::http
