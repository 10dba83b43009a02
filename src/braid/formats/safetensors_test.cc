#include "braid/formats/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

namespace braid {
namespace {

std::vector<std::byte> file_of(std::string_view header, size_t data_bytes, std::optional<uint64_t> header_bytes = {}) {
  const uint64_t length = header_bytes.value_or(header.size());
  std::vector<std::byte> file(8 + header.size() + data_bytes);
  std::memcpy(file.data(), &length, 8);
  std::memcpy(file.data() + 8, header.data(), header.size());
  return file;
}

Result<SafetensorsHeader> parse(const std::vector<std::byte>& file) {
  return parse_safetensors(file, static_cast<int64_t>(file.size()));
}

std::string error_of(std::string_view header, size_t data_bytes, std::optional<uint64_t> header_bytes = {}) {
  const auto parsed = parse(file_of(header, data_bytes, header_bytes));
  return parsed.ok() ? "" : parsed.error().message;
}

TEST(Safetensors, ListsTensorsInTheFilesOrder) {
  const std::string_view header =
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},)"
      R"("a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},"e":{"dtype":"F16","shape":[0,7],"data_offsets":[4,4]},)"
      R"("u":{"dtype":"U8","shape":[],"data_offsets":[28,29]}})";
  const auto parsed = parse(file_of(header, 29));
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  ASSERT_EQ(parsed->tensors.size(), 4U);
  EXPECT_EQ(parsed->tensors[0].name, "a");
  EXPECT_EQ(parsed->tensors[1].name, "e");
  EXPECT_EQ(parsed->tensors[2].name, "b");
  EXPECT_EQ(parsed->tensors[2].offset, static_cast<int64_t>(8 + header.size() + 4));
  EXPECT_EQ(parsed->tensors[2].dtype, DType::kFloat32);
  EXPECT_EQ(parsed->tensors[3].dtype, std::nullopt);
  EXPECT_EQ(parsed->tensors[3].dtype_name, "U8");
  EXPECT_EQ(parsed->metadata.front().second, "pt");
}

TEST(Safetensors, ErrorsNameWhatIsWrong) {
  const auto one = [](std::string_view fields) { return fmt::format(R"({{"a":{{{}}}}})", fields); };
  const auto expect = [](const std::string& error, std::string_view part) {
    EXPECT_NE(error.find(part), std::string::npos) << error << " should say " << part;
  };
  EXPECT_EQ(error_of(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"), 8), "");
  EXPECT_FALSE(parse({}).ok());
  expect(error_of("{}", 0, 3), "cut short");
  expect(error_of("{}", 0, ~uint64_t{0}), "header of 18446744073709551615 bytes");
  expect(error_of("{", 0), "header: ");
  expect(error_of("[]", 0), "must be a JSON object");
  expect(error_of("{}", 1), "belong to no tensor");
  expect(error_of(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"), 7), "cut short");
  expect(error_of(one(R"("dtype":"F31","shape":[2],"data_offsets":[0,8])"), 8), "unknown dtype \"F31\"");
  expect(error_of(one(R"("dtype":7,"shape":[2],"data_offsets":[0,8])"), 8), "\"dtype\" is 7");
  expect(error_of(one(R"("shape":[2],"data_offsets":[0,8])"), 8), "\"dtype\" is missing");
  expect(error_of(one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), 8), "at least 0");
  expect(error_of(one(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), 8), "array of integers");
  expect(error_of(one(R"("dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,8])"), 8), "63 bits");
  expect(error_of(one(R"("dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8])"), 8), "64 bits");
  expect(error_of(one(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), 8), "needs 12 bytes, its offsets say 8");
  expect(error_of(one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), 8), "lies at [8, 0)");
  expect(error_of(one(R"("dtype":"F32","shape":[2],"data_offsets":[-8,0])"), 8), "lies at [-8, 0)");
  expect(error_of(one(R"("dtype":"F32","shape":[2],"data_offsets":[0])"), 8), "two integers");
  expect(error_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                  R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                  12),
         "\"b\" overlaps");
  expect(error_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                  R"("b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
                  12),
         "4 bytes before tensor \"b\"");
  expect(error_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                  R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                  4),
         "\"a\" occurs twice");
  expect(error_of(R"({"__metadata__":{"x":1}})", 0), "must be a string");
}

}  // namespace
}  // namespace braid
