#include "braid/server/web/web_page.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "braid/server/web/embedded_files.h"

namespace braid {
namespace {

namespace fs = std::filesystem;

// The page's files in the source tree, by name.
std::map<std::string, std::string> source_files() {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator("src/braid/server/web/page")) {
    std::ostringstream bytes;
    bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    files[entry.path().filename()] = bytes.str();
  }
  return files;
}

std::string path_of(const std::string& name) {
  return name == "index.html" ? "/" : "/page/" + name;
}

std::optional<http::Response> get(std::string path, std::vector<http::Header> headers = {}) {
  return web_page_response({.method = "GET", .path = std::move(path), .headers = std::move(headers)});
}

std::string header(const http::Response& response, std::string_view name) {
  for (const http::Header& one : response.headers) {
    if (one.name == name) return one.value;
  }
  return "";
}

// The texts between the two, wherever they occur.
std::vector<std::string> between(std::string_view text, std::string_view before, std::string_view after) {
  std::vector<std::string> found;
  for (size_t at = text.find(before); at != std::string_view::npos; at = text.find(before, at)) {
    at += before.size();
    found.emplace_back(text.substr(at, text.find(after, at) - at));
  }
  return found;
}

// The names of all attributes in HTML.
std::vector<std::string> attributes(std::string_view html) {
  std::vector<std::string> names;
  for (size_t end = html.find("=\""); end != std::string_view::npos; end = html.find("=\"", end + 1)) {
    const size_t begin = html.find_last_of(" \t\n\"", end - 1) + 1;
    names.emplace_back(html.substr(begin, end - begin));
  }
  return names;
}

TEST(WebPage, HasEveryFileOfItsFolderByteForByte) {
  const auto files = source_files();
  ASSERT_TRUE(files.contains("index.html"));
  EXPECT_EQ(embedded_files().size(), files.size());
  for (const auto& [name, bytes] : files) {
    const auto response = get(path_of(name));
    ASSERT_TRUE(response) << name;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, bytes) << name;
    EXPECT_TRUE(is_web_page_path(path_of(name)));
  }
}

TEST(WebPage, AFileHasItsContentType) {
  EXPECT_EQ(get("/")->content_type, "text/html; charset=utf-8");
  EXPECT_EQ(get("/page/app.js")->content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(get("/page/base.css")->content_type, "text/css; charset=utf-8");
  EXPECT_EQ(get("/page/icon.svg")->content_type, "image/svg+xml");
  for (const auto& [name, bytes] : source_files()) {
    EXPECT_NE(get(path_of(name))->content_type, "application/octet-stream") << name;
  }
}

TEST(WebPage, OtherPathsAreNotItsFiles) {
  for (const char* path : {"", "/page", "/page/", "/page/index.html", "/page/nothing.js", "/page/../page/app.js",
                           "/app.js", "//", "/page//app.js", "/page/app.js/", "/page/APP.JS", "/v1/models"}) {
    EXPECT_FALSE(get(path)) << path;
    EXPECT_FALSE(is_web_page_path(path)) << path;
  }
}

TEST(WebPage, AFileTheClientHasIsNotSentAgain) {
  const std::string tag = header(*get("/page/app.js"), "ETag");
  ASSERT_EQ(tag.size(), 34U);
  for (const std::string& known : {tag, "W/" + tag, "\"other\", " + tag, "W/\"other\" ,W/" + tag, std::string("*")}) {
    const auto response = get("/page/app.js", {{"If-None-Match", known}});
    EXPECT_EQ(response->status, 304) << known;
    EXPECT_EQ(response->body, "");
    EXPECT_EQ(header(*response, "ETag"), tag);
  }
  for (const std::string& known :
       {std::string(), std::string("\"other\""), tag.substr(1, 32), header(*get("/"), "ETag")}) {
    EXPECT_EQ(get("/page/app.js", {{"If-None-Match", known}})->status, 200) << known;
  }
  EXPECT_EQ(header(*get("/page/app.js"), "Cache-Control"), "no-cache");
}

TEST(WebPage, AllowsNothingFromElsewhereAndNothingInline) {
  for (const auto& [name, bytes] : source_files()) {
    const auto response = get(path_of(name));
    const std::string policy = header(*response, "Content-Security-Policy");
    EXPECT_TRUE(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';")) << policy;
    EXPECT_EQ(policy.find("unsafe"), std::string::npos);
    EXPECT_EQ(policy.find("http"), std::string::npos);
    EXPECT_NE(policy.find(" img-src 'self' blob:;"), std::string::npos);  // the page's own, and the user's own images
    EXPECT_NE(policy.find("frame-ancestors 'none'"), std::string::npos);
    EXPECT_NE(policy.find("require-trusted-types-for 'script'"), std::string::npos);
    EXPECT_EQ(header(*response, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(header(*response, "X-Frame-Options"), "DENY");
  }
}

TEST(WebPage, IndexHasNoScriptNoStyleAndNoHandlerOfItsOwn) {
  const std::string index = source_files()["index.html"];
  for (const std::string& attribute : between(index, "<script", "=")) EXPECT_EQ(attribute, " src");
  EXPECT_EQ(index.find("<style"), std::string::npos);
  const auto names = attributes(index);
  EXPECT_GT(names.size(), 100U);
  for (const std::string& name : names) EXPECT_TRUE(name != "style" && !name.starts_with("on")) << name;
}

TEST(WebPage, EveryNamedFileExists) {
  const auto files = source_files();
  int named = 0;
  for (const char* attribute : {" src=\"", " href=\""}) {
    for (const std::string& name : between(files.at("index.html"), attribute, "\"")) {
      if (name.starts_with('#')) continue;  // within the page
      ++named;
      EXPECT_TRUE(name.starts_with("page/") && files.contains(name.substr(5))) << name;
    }
  }
  for (const auto& [file, bytes] : files) {
    if (!file.ends_with(".js")) continue;
    for (const std::string& name : between(bytes, " from '", "'")) {
      ++named;
      EXPECT_TRUE(name.starts_with("./") && files.contains(name.substr(2))) << file << " imports " << name;
    }
  }
  EXPECT_GT(named, 20);
}

TEST(WebPage, NoScriptTurnsTextIntoMarkupOrCode) {
  for (const auto& [file, bytes] : source_files()) {
    if (!file.ends_with(".js")) continue;
    for (const char* word : {"innerHTML =", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                             "new Function", "DOMParser", "createContextualFragment", "srcdoc", "setHTML"}) {
      EXPECT_EQ(bytes.find(word), std::string::npos) << file << " has " << word;
    }
  }
}

// Keeps the answer.
class Recorder final : public http::Responder {
 public:
  void respond(http::Response response) override { answer = std::move(response); }
  void start_stream(http::Response) override {}
  void write(std::string_view) override {}
  void finish() override {}
  void on_gone(std::function<void()>) override {}

  http::Response answer{.status = 0};
};

TEST(WebPage, ItsRoutesAnswerWithItsFiles) {
  http::Router router;
  add_web_page_routes(router);
  for (const auto& [name, bytes] : source_files()) {
    const auto recorder = std::make_shared<Recorder>();
    router.handle({.method = "GET", .path = path_of(name)}, recorder);
    EXPECT_EQ(recorder->answer.body, bytes) << name;
  }
  const auto recorder = std::make_shared<Recorder>();
  router.handle({.method = "POST", .path = "/"}, recorder);
  EXPECT_EQ(recorder->answer.status, 405);
}

}  // namespace
}  // namespace braid
