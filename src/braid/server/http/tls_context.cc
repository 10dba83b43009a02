#include "braid/server/http/tls_context.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace braid::http {
namespace {

// OpenSSL's first error. Clears its queue, so that the next caller finds none.
std::string openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  std::array<char, 256> text{};
  ERR_error_string_n(code, text.data(), text.size());
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : text.data();
}

Status check_readable(const char* what, const std::string& file) {
  errno = 0;
  std::ifstream in(file);
  if (in.peek() == std::ifstream::traits_type::eof()) {
    return fail("{} {}: {}", what, file, errno != 0 ? std::strerror(errno) : "the file is empty");
  }
  return {};
}

// A key with a passphrase must not make the server ask on a terminal.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

}  // namespace

Result<SslContext> make_tls_context(const std::string& certificate_file, const std::string& key_file) {
  TRY_STATUS(check_readable("TLS certificate", certificate_file));
  TRY_STATUS(check_readable("TLS key", key_file));
  ERR_clear_error();
  SslContext context(SSL_CTX_new(TLS_server_method()));
  if (!context) return fail("OpenSSL gives no context: {}", openssl_error());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);  // idle connections hold no buffers
  SSL_CTX_set_default_passwd_cb(context.get(), no_passphrase);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1) {
    return fail("TLS certificate {}: not a certificate in PEM form ({})", certificate_file, openssl_error());
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    const std::string reason = openssl_error();
    if (reason.find("key values mismatch") != std::string::npos) {
      return fail("TLS key {} does not belong to the certificate {}", key_file, certificate_file);
    }
    return fail("TLS key {}: not a key in PEM form without a passphrase ({})", key_file, reason);
  }
  if (SSL_CTX_check_private_key(context.get()) != 1) {
    return fail("TLS key {} does not belong to the certificate {}", key_file, certificate_file);
  }
  const ASN1_TIME* end = X509_get0_notAfter(SSL_CTX_get0_certificate(context.get()));
  if (X509_cmp_current_time(end) < 0) return fail("TLS certificate {} has expired", certificate_file);
  return context;
}

}  // namespace braid::http
