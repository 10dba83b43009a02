#include "braid/server/http/router.h"

#include <gtest/gtest.h>

namespace braid::http {
namespace {

// Keeps the answer.
class Recorder final : public Responder {
 public:
  void respond(Response response) override { answer = std::move(response); }
  void start_stream(Response) override {}
  void write(std::string_view) override {}
  void finish() override {}
  void on_gone(std::function<void()>) override {}

  Response answer{.status = 0};
};

Handler say(std::string name) {
  return [name](Request request, const std::shared_ptr<Responder>& responder) {
    std::string body = name;
    for (const Header& parameter : request.parameters) body += " " + parameter.name + "=" + parameter.value;
    responder->respond({.body = body});
  };
}

Router example() {
  Router router;
  router.add("GET", "/", say("page"));
  router.add("GET", "/v1/models", say("models"));
  router.add("GET", "/v1/models/{id...}", say("model"));
  router.add("POST", "/v1/chat/completions", say("chat"));
  router.add("GET", "/files/{name}/lines/{number}", say("line"));
  router.add("DELETE", "/files/{name}", say("delete"));
  router.add("GET", "/files/{name}", say("file"));
  return router;
}

Response ask(const Router& router, std::string method, std::string path) {
  const auto recorder = std::make_shared<Recorder>();
  Request request{.method = std::move(method), .path = std::move(path)};
  const auto early = router.check(request);
  router.handle(std::move(request), recorder);
  EXPECT_EQ(early.has_value(), recorder->answer.status != 200) << "what the head decides needs no body";
  return recorder->answer;
}

std::string allow(const Response& response) {
  for (const Header& header : response.headers) {
    if (header.name == "Allow") return header.value;
  }
  return "";
}

TEST(Router, FindsTheHandlerAndItsParameters) {
  const Router router = example();
  EXPECT_EQ(ask(router, "GET", "/").body, "page");
  EXPECT_EQ(ask(router, "GET", "/v1/models").body, "models");
  EXPECT_EQ(ask(router, "GET", "/v1/models/a b").body, "model id=a b");
  EXPECT_EQ(ask(router, "GET", "/v1/models/org/name").body, "model id=org/name");
  EXPECT_EQ(ask(router, "POST", "/v1/chat/completions").body, "chat");
  EXPECT_EQ(ask(router, "GET", "/files/a/lines/7").body, "line name=a number=7");
  EXPECT_EQ(ask(router, "DELETE", "/files/a").body, "delete name=a");
}

TEST(Router, HeadUsesTheHandlerOfGet) {
  EXPECT_EQ(ask(example(), "HEAD", "/v1/models").body, "models");
  EXPECT_EQ(ask(example(), "HEAD", "/v1/chat/completions").status, 405);
}

TEST(Router, UnknownPathsAreNotFound) {
  for (const std::string_view path : {"/v1", "/v1/", "/v1/models/", "/v1/model", "/V1/models", "/files/", "/files/a/b",
                                      "/files/a/lines/", "/x\xC3\xA9"}) {
    EXPECT_EQ(ask(example(), "GET", std::string(path)).status, 404) << path;
    EXPECT_EQ(ask(example(), "OPTIONS", std::string(path)).status, 404) << path;
  }
  EXPECT_EQ(ask(example(), "GET", "/x\xC3\xA9\"").body, "there is nothing at /x\\xc3\\xa9\\\"\n");
}

TEST(Router, AWrongMethodsAnswerListsTheAllowedOnes) {
  const Response response = ask(example(), "PUT", "/files/a");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(allow(response), "DELETE, GET, HEAD, OPTIONS");
  EXPECT_EQ(response.body, "PUT does not go with /files/a: DELETE, GET, HEAD, OPTIONS\n");
  EXPECT_EQ(ask(example(), "get", "/").status, 405) << "methods have a case";
}

TEST(Router, OptionsAreAnswered) {
  const Response response = ask(example(), "OPTIONS", "/v1/chat/completions");
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(allow(response), "POST, OPTIONS");
  EXPECT_EQ(allow(ask(example(), "OPTIONS", "*")), "GET, HEAD, POST, DELETE, OPTIONS");
}

TEST(Router, WithoutRoutesEveryPathIsNotFound) {
  EXPECT_EQ(ask(Router(), "GET", "/").status, 404);
  EXPECT_EQ(ask(Router(), "OPTIONS", "*").status, 404);
}

}  // namespace
}  // namespace braid::http
