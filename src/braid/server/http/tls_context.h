// A server's certificate and key, read and checked once at start. Tested by server_tls_test.cc.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "braid/base/result.h"

namespace braid::http {

struct FreeSslContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslContext = std::unique_ptr<SSL_CTX, FreeSslContext>;

// Two PEM files: the certificate's chain, the server's own first, and its key. TLS 1.2 and newer.
Result<SslContext> make_tls_context(const std::string& certificate_file, const std::string& key_file);

}  // namespace braid::http
