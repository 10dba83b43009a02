// TLS: round trips, and clients that speak it badly. The test makes its certificates.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <atomic>
#include <cstdio>
#include <fstream>

#include "braid/server/http/server.h"
#include "braid/server/http/tls_context.h"
#include "tests/support/server/http/http_client.h"
#include "tests/support/temporary_folder.h"

namespace braid::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::echo;
using testing::eventually;
using testing::get;
using testing::post;
using testing::RawClient;
using testing::Reply;
using testing::start_server;
using testing::test_options;

struct Pair {
  std::string certificate;
  std::string key;
};

// A self-signed certificate that ends in `valid_s` seconds, and its key, as files NAME.crt and NAME.key.
Pair make_pair(const std::filesystem::path& folder, const std::string& name, long valid_s = 3600) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> certificate(X509_new(), X509_free);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -7200);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), valid_s);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1,
                             0);
  X509_set_issuer_name(certificate.get(), subject);
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  const Pair pair{.certificate = (folder / (name + ".crt")).string(), .key = (folder / (name + ".key")).string()};
  const auto write = [](const std::string& path, const auto& contents) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"), std::fclose);
    contents(file.get());
  };
  write(pair.certificate, [&](std::FILE* file) { PEM_write_X509(file, certificate.get()); });
  write(pair.key,
        [&](std::FILE* file) { PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  return pair;
}

class HttpServerTls : public ::testing::Test {
 protected:
  ServerOptions tls_options() {
    ServerOptions options = test_options();
    options.tls_certificate = pair_.certificate;
    options.tls_key = pair_.key;
    return options;
  }
  braid::testing::TemporaryFolder folder_;
  Pair pair_ = make_pair(folder_.path(), "good");
};

TEST_F(HttpServerTls, CarriesRequestsOfEverySize) {
  const auto server = start_server(tls_options(), echo);
  EXPECT_EQ(server->url(), "https://127.0.0.1:" + std::to_string(server->port()));
  RawClient client(server->port());
  ASSERT_TRUE(client.start_tls());
  for (const size_t size : {size_t{0}, size_t{1}, size_t{20'000}, size_t{3'000'000}}) {
    client.send(post("/", std::string(size, 'x')));
    EXPECT_EQ(client.read_reply().body, "POST / " + std::string(size, 'x'));
  }
  client.send(post("/", "a") + post("/", "b"));
  EXPECT_EQ(client.read_reply().body, "POST / a");
  EXPECT_EQ(client.read_reply().body, "POST / b");
}

TEST_F(HttpServerTls, StreamsAndNoticesThatTheClientLeft) {
  std::shared_ptr<Responder> open;
  std::atomic<bool> is_open = false;
  std::atomic<bool> is_gone = false;
  const auto server = start_server(tls_options(), [&](Request, std::shared_ptr<Responder> responder) {
    responder->on_gone([&] { is_gone = true; });
    responder->start_stream({.content_type = "text/event-stream", .body = "data: 1\n\n"});
    open = std::move(responder);
    is_open = true;
  });
  RawClient client(server->port());
  ASSERT_TRUE(client.start_tls());
  client.send(get("/"));
  client.read_until("data: 1\n\n");
  ASSERT_TRUE(is_open);
  open->write("data: 2\n\n");
  client.read_until("data: 2\n\n");
  EXPECT_FALSE(is_gone);
  client.close();
  EXPECT_TRUE(eventually([&] { return is_gone.load(); }, milliseconds(1000)));
}

TEST_F(HttpServerTls, AnnouncesItsEndSoThatItIsNoTruncation) {
  const auto server = start_server(tls_options(), echo);
  RawClient client(server->port());
  ASSERT_TRUE(client.start_tls());
  client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.read_reply().status, 200);
  EXPECT_TRUE(client.is_closed_within(seconds(5)));
  EXPECT_TRUE(client.has_received_close_notify());
}

TEST_F(HttpServerTls, GarbageAndSilenceInPlaceOfAHandshakeEndTheConnection) {
  ServerOptions options = tls_options();
  options.limits.handshake_timeout = milliseconds(200);
  const auto server = start_server(options, echo);
  for (const std::string_view bytes : {"", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "\x16\x03\x01\xff\xff\x01\x02\x03",
                                       "\x16\x03\x01\x00\x05hello, this is no client hello"}) {
    RawClient client(server->port());
    client.send(bytes);
    EXPECT_TRUE(client.is_closed_within(seconds(5)));
  }
  RawClient leaver(server->port());
  leaver.send("\x16\x03\x01");
  leaver.reset();
  EXPECT_TRUE(eventually([&] { return server->num_connections() == 0; }));
  RawClient client(server->port());
  ASSERT_TRUE(client.start_tls());
  client.send(get("/"));
  EXPECT_EQ(client.read_reply().status, 200);
}

TEST_F(HttpServerTls, StopsInTheMiddleOfHandshakes) {
  const auto server = start_server(tls_options(), echo);
  RawClient silent(server->port());
  RawClient client(server->port());
  ASSERT_TRUE(client.start_tls());
  ASSERT_TRUE(eventually([&] { return server->num_connections() == 2; }));
  server->stop();
  EXPECT_TRUE(silent.is_closed_within(seconds(5)));
}

TEST_F(HttpServerTls, InvalidFilesAreNamed) {
  const auto error = [&](std::string certificate, std::string key) {
    ServerOptions options = test_options();
    options.tls_certificate = std::move(certificate);
    options.tls_key = std::move(key);
    const auto server = HttpServer::start(options, echo, make_null_logger());
    return server.ok() ? std::string() : server.error().message;
  };
  const std::string none = (folder_.path() / "none.pem").string();
  const std::string text = (folder_.path() / "text.pem").string();
  std::ofstream(text) << "not PEM\n";
  const std::string empty = (folder_.path() / "empty.pem").string();
  std::ofstream{empty};
  const Pair other = make_pair(folder_.path(), "other");
  const Pair expired = make_pair(folder_.path(), "expired", -60);

  EXPECT_EQ(error(none, pair_.key), "TLS certificate " + none + ": No such file or directory");
  EXPECT_EQ(error(pair_.certificate, none), "TLS key " + none + ": No such file or directory");
  EXPECT_EQ(error(empty, pair_.key), "TLS certificate " + empty + ": the file is empty");
  EXPECT_EQ(error(folder_.path().string(), pair_.key),
            "TLS certificate " + folder_.path().string() + ": Is a directory");
  EXPECT_TRUE(error(text, pair_.key).starts_with("TLS certificate " + text + ": not a certificate in PEM form"));
  EXPECT_TRUE(error(pair_.certificate, text).starts_with("TLS key " + text + ": not a key in PEM form"));
  EXPECT_EQ(error(pair_.certificate, other.key),
            "TLS key " + other.key + " does not belong to the certificate " + pair_.certificate);
  EXPECT_EQ(error(expired.certificate, expired.key), "TLS certificate " + expired.certificate + " has expired");
  EXPECT_EQ(error(pair_.certificate, ""), "TLS needs a certificate and its key: only the certificate is given");
  EXPECT_EQ(error("", pair_.key), "TLS needs a certificate and its key: only the key is given");
}

}  // namespace
}  // namespace braid::http
