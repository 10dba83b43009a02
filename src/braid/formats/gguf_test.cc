#include "braid/formats/gguf.h"

#include <gtest/gtest.h>

#include <cstring>

#include "braid/formats/input_file.h"
#include "tests/support/formats/gguf_writer.h"

namespace braid {
namespace {

constexpr const char* kBlocks = "src/braid/formats/testdata/blocks.gguf";

std::vector<std::byte> read_bytes(const std::string& path) {
  const auto text = read_text_file(path);
  CHECK(text.ok(), "{}", text.error().message);
  std::vector<std::byte> bytes(text->size());
  std::memcpy(bytes.data(), text->data(), text->size());
  return bytes;
}

TEST(Gguf, DequantisesToTheSameBitsAsTheGgufPackage) {
  const auto file = read_bytes(kBlocks);
  const auto gguf = GgufFile::parse(file);
  ASSERT_TRUE(gguf.ok()) << gguf.error().message;
  const auto expected = read_bytes("src/braid/formats/testdata/blocks.f32");
  size_t at = 0;
  for (const char* name : {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k",
                           "q6_k", "iq4_nl", "iq4_xs", "mxfp4"}) {
    const GgufTensor* const tensor = gguf->find_tensor(std::string(name) + ".weight");
    ASSERT_NE(tensor, nullptr) << name;
    ASSERT_NE(tensor->type->to_float, nullptr) << name;
    EXPECT_EQ(tensor->shape, (std::vector<int64_t>{4, 512}));
    std::vector<float> values(4 * 512);
    tensor->type->to_float(file.data() + tensor->offset, 4 * 512 / tensor->type->block_elements, values.data());
    EXPECT_EQ(std::memcmp(values.data(), expected.data() + at, values.size() * 4), 0) << name;
    at += values.size() * 4;
  }
  EXPECT_EQ(at, expected.size());
}

TEST(Gguf, ReadsTypedMetadata) {
  const auto file = read_bytes(kBlocks);
  const auto gguf = GgufFile::parse(file);
  ASSERT_TRUE(gguf.ok()) << gguf.error().message;
  EXPECT_EQ(**gguf->find_string("general.architecture"), "llama");
  EXPECT_EQ(**gguf->find_string("test.string"), "größe");
  EXPECT_EQ(**gguf->find_strings("test.strings"), (std::vector<std::string>{"a", "", "b c"}));
  EXPECT_EQ(**gguf->find_floats("test.floats"), (std::vector<float>{0.5F, -1.0F}));
  EXPECT_EQ(**gguf->find_ints("test.ints"), (std::vector<int32_t>{1, -2, 3}));
  EXPECT_EQ(**gguf->find_int("test.int8", -10, 10), -5);
  EXPECT_EQ(**gguf->find_bool("test.bool"), true);
  EXPECT_EQ(**gguf->find_double("test.float64"), 1e300);
  EXPECT_FALSE(gguf->find_int("test.absent", 0, 1)->has_value());
  EXPECT_EQ(gguf->find_int("test.string", 0, 9).error().message,
            "\"test.string\" is \"größe\", must be an integer between 0 and 9");
  EXPECT_FALSE(gguf->find_int("test.uint64", 0, INT64_MAX).ok());
  EXPECT_FALSE(gguf->find_ints("test.strings").ok());
}

TEST(Gguf, EveryTruncationIsAnError) {
  auto file = read_bytes(kBlocks);
  const int64_t data_end = static_cast<int64_t>(file.size());
  for (int64_t size = 0; size < data_end; size += size < 2000 ? 1 : 97) {
    const std::vector<std::byte> part(file.begin(),
                                      file.begin() + size);  // exact size, so that the sanitizer sees its end
    EXPECT_FALSE(GgufFile::parse(part).ok()) << size;
  }
}

TEST(Gguf, ErrorsNameWhatIsWrong) {
  const auto error_of = [](const testing::GgufWriter& writer) {
    const auto gguf = GgufFile::parse(writer.file());
    return gguf.ok() ? std::string() : gguf.error().message;
  };
  const auto expect = [&](const testing::GgufWriter& writer, std::string_view part) {
    EXPECT_NE(error_of(writer).find(part), std::string::npos) << error_of(writer) << " should say " << part;
  };
  using Writer = testing::GgufWriter;
  constexpr uint64_t kHuge = uint64_t{1} << 63;
  EXPECT_EQ(error_of(Writer().preamble(2, 1, 0).tensor("a", {8}, 0, 0).data(32)), "");
  EXPECT_EQ(error_of(Writer().preamble(3, 2, 0).tensor("a", {8}, 0, 32).tensor("b", {3}, 0, 0).data(64)), "");
  expect(Writer().preamble(1, 0, 0), "version 1");
  expect(Writer().preamble(0x03000000, 0, 0), "big-endian");
  expect(Writer().put<uint32_t>(7), "not a GGUF file");
  expect(Writer().preamble(3, kHuge, 0), "tensors do not fit");
  expect(Writer().preamble(3, 0, kHuge), "keys do not fit");
  expect(Writer().preamble(3, 1, 0).tensor("a", {8}, 99, 0).data(32), "unknown type 99");
  expect(Writer().preamble(3, 1, 0).tensor("a", {0}, 0, 0).data(32), "size of 0");
  expect(Writer().preamble(3, 1, 0).tensor("a", {kHuge}, 0, 0).data(32), "has a size of");
  expect(Writer().preamble(3, 1, 0).tensor("a", {1U << 31, 1U << 31, 16}, 0, 0).data(32), "has a size of");
  expect(Writer().preamble(3, 1, 0).tensor("a", {uint64_t{1} << 62}, 0, 0).data(32), "elements");
  expect(Writer().preamble(3, 1, 0).tensor("a", {1, 1, 1, 1, 1}, 0, 0).data(32), "5 dimensions");
  expect(Writer().preamble(3, 1, 0).tensor("a", {33}, 8, 0).data(32), "blocks of 32");
  expect(Writer().preamble(3, 1, 0).tensor("a", {8}, 0, 32).data(64), "must at 0");
  expect(Writer().preamble(3, 1, 0).tensor("a", {9}, 0, 0).data(32), "beyond the file");
  expect(Writer().preamble(3, 1, 0).tensor("a", {8}, 0, 0).data(33), "belong to no tensor");
  expect(Writer().preamble(3, 2, 0).tensor("a", {8}, 0, 0).tensor("a", {8}, 0, 32).data(64), "occurs twice");
  expect(Writer().preamble(3, 2, 0).tensor("a", {16}, 0, 0).tensor("b", {8}, 0, 32).data(64), "\"b\" lies at 32");
  expect(Writer().preamble(3, 0, 1).text("k").put<uint32_t>(13).put<uint64_t>(0), "unknown type 13");
  expect(Writer().preamble(3, 0, 1).text("k").put<uint32_t>(7).put<uint64_t>(2), "bool of value 2");
  expect(Writer().preamble(3, 0, 1).text("k").put<uint32_t>(8).put(kHuge), "string of");
  expect(Writer().preamble(3, 0, 1).text("k").put<uint32_t>(9).put<uint32_t>(4).put(kHuge), "elements");
  expect(Writer().preamble(3, 0, 1).text("k").put<uint32_t>(9).put<uint32_t>(9).put<uint64_t>(1), "array of arrays");
  expect(Writer().preamble(3, 0, 1).text("general.alignment").put<uint32_t>(4).put<uint32_t>(12), "multiple of 8");
  expect(
      Writer().preamble(3, 0, 2).text("k").put<uint32_t>(4).put<uint32_t>(1).text("k").put<uint32_t>(4).put<uint32_t>(
          1),
      "occurs twice");
}

}  // namespace
}  // namespace braid
