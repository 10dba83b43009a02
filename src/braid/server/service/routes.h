// All paths of the server and their handlers. Tested by api_service_test.cc and tests/e2e/test_server_life.py.
#pragma once

#include <memory>

#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/server/http/router.h"
#include "braid/server/http/server.h"
#include "braid/server/service/api_service.h"

namespace braid {

// Adds the API's routes. `service` outlives the router.
void add_api_routes(ApiService& service, http::Router& router);

// Starts an HTTP server with the API and the web page. Sets the options that depend on the routes: which paths need no
// key, and which are served while draining. `service` outlives the server.
Result<std::unique_ptr<http::HttpServer>> start_server(ApiService& service, http::ServerOptions options,
                                                       const std::shared_ptr<Logger>& logger);

}  // namespace braid
