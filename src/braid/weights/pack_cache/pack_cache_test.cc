#include "braid/weights/pack_cache/pack_cache.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "braid/base/index_range.h"
#include "braid/hub/model_path.h"
#include "braid/weights/load.h"
#include "tests/support/model_fixture.h"
#include "tests/support/sanitizer.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

namespace fs = std::filesystem;
using testing::ModelFixture;
using testing::TemporaryFolder;

constexpr int64_t kFirstRows = 5;

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void write_bytes(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// The packed bytes of the checkpoint's matrices, whole and cut, of a pair as gate and up, and of a table.
std::string pack_all(const Checkpoint& checkpoint, ThreadTeam& team, PackCache* cache, DType dtype,
                     const QuantizedWeights& quantized) {
  const WeightLoader loader(checkpoint, team, {}, nullptr, cache, quantized);
  std::string all;
  const auto add = [&](std::span<const std::byte> bytes) {
    all.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    if (tensor.shape.size() != 2) continue;
    const IndexRange half{.begin = 0, .end = tensor.cols() / 2};
    const std::array<MatrixCut, 4> cuts = {
        {{.rows = {kWhole}},
         {.rows = {kWhole}, .domain = 1},  // the same bytes
         {.rows = {{.begin = 0, .end = std::min(tensor.rows(), kFirstRows)}}, .cols = half, .padded_rows = 7},
         {.rows = {{.begin = 0, .end = 0}}}}};
    auto packed = loader.matrices({&name, 1}, cuts, dtype, MatrixUse::kLayer);
    EXPECT_TRUE(packed.ok()) << packed.error().message;
    for (PackedMatrix& matrix : *packed) add(matrix.memory());
    const MatrixCut both{.rows = {kWhole, kWhole}};
    auto fused = loader.gate_ups(name, name, {&both, 1}, dtype, MatrixUse::kLayer);
    EXPECT_TRUE(fused.ok()) << fused.error().message;
    for (PackedMatrix& matrix : *fused) add(matrix.memory());
  }
  const auto table = loader.rows("model.embed_tokens.weight", dtype);
  EXPECT_TRUE(table.ok()) << table.error().message;
  add({table->first(table->max_rows()).data, static_cast<size_t>(table->bytes())});
  return all;
}

struct Loading {
  std::string packed;
  std::vector<std::string> log;  // "level message"
};

class PackCacheTest : public ::testing::Test {
 protected:
  // Uses a fixture's checkpoint: written to the test's folder, or a GGUF file in its place.
  void use(const std::string& name) {
    fixture_ = testing::read_model_fixture(name);
    path_ = fixture_.gguf();
    if (!fixture_.tensors.empty()) {
      path_ = checkpoint_folder_.path();
      write_checkpoint(fixture_, path_);
    }
    open();
  }
  void open() {
    checkpoint_ =
        std::make_unique<Checkpoint>(Checkpoint::open(resolve_model_path(path_.string(), {}).value()).value());
  }

  Loading load(const std::string& layout = "one rank", DType dtype = DType::kBFloat16) {
    return load_in(folder_.path() / "packs", layout, dtype, [] {});
  }
  template <typename Meanwhile>
  Loading load_in(const fs::path& folder, const std::string& layout, DType dtype, Meanwhile meanwhile) {
    std::ostringstream lines;
    auto logger = std::make_shared<Logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines));
    logger->set_pattern("%l %v");
    ThreadTeam team(2);
    auto cache =
        PackCache::open(*checkpoint_, {.folder = folder.string(), .dtype = dtype, .layout = layout}, team, logger);
    EXPECT_TRUE(cache.ok()) << cache.error().message;
    Loading loading;
    loading.packed = pack_all(*checkpoint_, team, cache->get(), dtype, quantized_);
    meanwhile();
    (*cache)->finish();
    std::istringstream in(lines.str());
    for (std::string line; std::getline(in, line);) loading.log.push_back(line);
    return loading;
  }
  std::string packed_without(DType dtype = DType::kBFloat16) {
    ThreadTeam team(1);
    return pack_all(*checkpoint_, team, nullptr, dtype, quantized_);
  }

  // The files with packed weights, sorted.
  std::vector<fs::path> packs() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_.path() / "packs")) {
      if (entry.path().extension() != ".hash") found.push_back(entry.path());
    }
    std::ranges::sort(found);
    return found;
  }
  fs::path pack() const {
    EXPECT_EQ(packs().size(), 1U);
    return packs().front();
  }
  std::string read_line() const { return "info packed weights were read from " + pack().string(); }

  const TemporaryFolder folder_;
  const TemporaryFolder checkpoint_folder_;
  ModelFixture fixture_;
  fs::path path_;
  std::unique_ptr<Checkpoint> checkpoint_;
  QuantizedWeights quantized_;  // absent: widened
};

TEST_F(PackCacheTest, ASecondLoadingReadsTheSameBytes) {
  for (const std::string name : {"qwen3_odd_sizes", "gguf_qwen3", "gpt_oss_mxfp4", "gpt_oss_plain", "gguf_mixtral"}) {
    for (const DType dtype : {DType::kBFloat16, DType::kFloat32}) {
      SCOPED_TRACE(name);
      use(name);
      fs::remove_all(folder_.path() / "packs");
      const std::string expected = packed_without(dtype);
      const Loading first = load("one rank", dtype);
      EXPECT_EQ(first.packed, expected);
      ASSERT_EQ(first.log.size(), 1U);
      EXPECT_TRUE(first.log[0].starts_with("info packed weights for the next start were written to " + pack().string()))
          << first.log[0];
      const auto written = fs::last_write_time(pack());
      const Loading second = load("one rank", dtype);
      EXPECT_EQ(second.packed, expected);
      EXPECT_EQ(second.log, std::vector<std::string>{read_line()});
      EXPECT_EQ(fs::last_write_time(pack()), written);
    }
  }
}

TEST_F(PackCacheTest, ASecondLoadingReadsTheSameCodes) {
  const std::string widened = [&] {
    use("gguf_qwen3");
    return packed_without();
  }();
  for (const std::string name : {"gguf_qwen3", "gguf_mixtral", "quantized_w4a16_asymmetric", "qwen3_odd_sizes"}) {
    SCOPED_TRACE(name);
    quantized_ = {.activations = ActivationBits::k8, .quantization = Quantization::kInt4};
    use(name);
    fs::remove_all(folder_.path() / "packs");
    const std::string expected = packed_without();
    if (name == "gguf_qwen3") {
      EXPECT_LT(expected.size(), widened.size());
    }
    EXPECT_EQ(load().packed, expected);
    const Loading second = load();
    EXPECT_EQ(second.packed, expected);
    EXPECT_EQ(second.log, std::vector<std::string>{read_line()});
    quantized_ = {};  // the same file has no widened matrices
    EXPECT_EQ(load().packed, packed_without());
  }
}

TEST_F(PackCacheTest, EachDtypeLayoutAndContentHasAFileOfItsOwn) {
  use("qwen3_odd_sizes");
  load("one rank");
  load("two ranks");
  load("one rank", DType::kFloat32);
  EXPECT_EQ(packs().size(), 3U);
  fixture_.seed += 1;
  write_checkpoint(fixture_, path_);
  open();
  const std::string changed = packed_without();
  EXPECT_EQ(load("one rank").packed, changed);
  EXPECT_EQ(packs().size(), 4U);
  EXPECT_EQ(load("one rank").packed, changed);
  EXPECT_EQ(packs().size(), 4U);
}

TEST_F(PackCacheTest, TheSameContentElsewhereHasTheSameFile) {
  use("qwen3_odd_sizes");
  load();
  const TemporaryFolder copy;
  fs::copy(path_, copy.path(), fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  path_ = copy.path();
  open();
  EXPECT_EQ(load().log, std::vector<std::string>{read_line()});
}

// Changes a byte in every part of the file: the header, the beginning of each page of the entries, the index.
TEST_F(PackCacheTest, ADamagedFileIsFoundAndReplaced) {
  use("gguf_qwen3");
  const std::string expected = load().packed;
  const std::string whole = bytes_of(pack());
  constexpr size_t kHeaderBytes = 88;
  constexpr size_t kIndexOffsetAt = 56;
  uint64_t index_offset = 0;
  std::memcpy(&index_offset, whole.data() + kIndexOffsetAt, sizeof index_offset);
  ASSERT_LT(index_offset, whole.size());
  std::vector<size_t> places;
  const auto add_places = [&](size_t begin, size_t end, size_t step) {
    for (size_t at = begin; at < end; at += step) places.push_back(at);
  };
  constexpr size_t kThinning = testing::kUnderThreadSanitizer ? 5 : 1;  // the same threads read every damaged file
  add_places(0, kHeaderBytes, 5 * kThinning);
  add_places(4096, index_offset, (index_offset * kThinning / 20 + 4095) / 4096 * 4096);
  add_places(index_offset, whole.size(), (whole.size() - index_offset) * kThinning / 20);
  for (const size_t at : places) {
    SCOPED_TRACE(at);
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    write_bytes(pack(), damaged);
    const Loading again = load();
    ASSERT_EQ(again.packed, expected);
    ASSERT_EQ(again.log.size(), 1U);
    EXPECT_TRUE(again.log[0].starts_with("warning " + pack().string() + ": it")) << again.log[0];
    EXPECT_TRUE(again.log[0].ends_with("; the weights are packed anew, and it is replaced")) << again.log[0];
    ASSERT_EQ(bytes_of(pack()), whole);
  }
}

TEST_F(PackCacheTest, AFileOfAnotherLengthIsReplaced) {
  use("gguf_qwen3");
  const std::string expected = load().packed;
  const std::string whole = bytes_of(pack());
  for (const size_t size : {size_t{0}, size_t{1}, size_t{87}, size_t{88}, size_t{4096}, whole.size() / 2,
                            whole.size() - 8, whole.size() - 1, whole.size() + 1, whole.size() + 4096}) {
    SCOPED_TRACE(size);
    std::string cut = whole;
    cut.resize(size);
    write_bytes(pack(), cut);
    const Loading again = load();
    EXPECT_EQ(again.packed, expected);
    ASSERT_EQ(again.log.size(), 1U);
    EXPECT_TRUE(again.log[0].starts_with("warning " + pack().string() + ": it has ")) << again.log[0];
    EXPECT_EQ(bytes_of(pack()), whole);
  }
}

TEST_F(PackCacheTest, AnotherVersionOrOtherWeightsAreReplaced) {
  use("qwen3_odd_sizes");
  load("two ranks");
  const std::string foreign = bytes_of(pack());
  fs::remove(pack());
  const std::string expected = load().packed;
  const std::string whole = bytes_of(pack());
  std::string old = whole;
  old[8] = static_cast<char>(kPackVersion - 1);
  const std::string path = pack().string();
  const std::string end = "; the weights are packed anew, and it is replaced";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {old, fmt::format("it has version {} of the format, this program reads {}", kPackVersion - 1, kPackVersion)},
      {foreign, "it is of other weights"},
      {std::string(whole.size(), '\0'), "it is no file of packed weights"}};
  for (const auto& [bytes, problem] : cases) {
    write_bytes(path, bytes);
    const Loading again = load();
    EXPECT_EQ(again.packed, expected);
    EXPECT_EQ(again.log, std::vector<std::string>{fmt::format("warning {}: {}{}", path, problem, end)});
    EXPECT_EQ(bytes_of(path), whole);
  }
}

TEST_F(PackCacheTest, AFolderThatCannotBeWrittenIsOneWarning) {
  use("qwen3_odd_sizes");
  const std::string expected = packed_without();
  write_bytes(folder_.path() / "file", "text");
  for (const fs::path& folder : {folder_.path() / "file", folder_.path() / "file" / "packs"}) {
    const Loading loading = load_in(folder, "one rank", DType::kBFloat16, [] {});
    EXPECT_EQ(loading.packed, expected);
    ASSERT_EQ(loading.log.size(), 1U);
    EXPECT_TRUE(loading.log[0].starts_with("warning --pack-cache " + folder.string() + ": cannot create "))
        << loading.log[0];
    EXPECT_TRUE(loading.log[0].ends_with("; packed weights are not kept")) << loading.log[0];
  }
}

// A folder in the file's place is neither read nor replaced.
TEST_F(PackCacheTest, AFileThatCannotBeReplacedStays) {
  use("qwen3_odd_sizes");
  const std::string expected = load().packed;
  const fs::path path = pack();
  fs::remove(path);
  fs::create_directories(path / "something");
  const Loading again = load();
  EXPECT_EQ(again.packed, expected);
  ASSERT_EQ(again.log.size(), 2U);
  EXPECT_TRUE(again.log[0].ends_with("is not a regular file; the weights are packed anew, and it is replaced"));
  EXPECT_TRUE(again.log[1].ends_with("; packed weights are not kept")) << again.log[1];
  EXPECT_TRUE(fs::is_directory(path / "something"));
  EXPECT_EQ(packs().size(), 1U) << "nothing half-written is left";
}

// As on a full disk: a write fails in the middle.
TEST_F(PackCacheTest, AFullDiskIsOneWarning) {
  use("gguf_qwen3");
  const std::string expected = packed_without();
  struct rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit little = before;
  for (const rlim_t bytes : {rlim_t{100}, rlim_t{50'000}}) {
    little.rlim_cur = bytes;
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &little), 0);
    const Loading loading = load();
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ(loading.packed, expected);
    ASSERT_EQ(loading.log.size(), 1U);
    EXPECT_TRUE(loading.log[0].find("File too large; packed weights are not kept") != std::string::npos)
        << loading.log[0];
    EXPECT_TRUE(packs().empty());
  }
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(load().packed, expected);
  EXPECT_EQ(packs().size(), 1U);
}

TEST_F(PackCacheTest, ALoadingThatEndsEarlyLeavesNothing) {
  use("gguf_qwen3");
  ThreadTeam team(2);
  const std::string folder = (folder_.path() / "packs").string();
  auto cache = PackCache::open(*checkpoint_, {.folder = folder, .layout = "one rank"}, team, make_null_logger());
  ASSERT_TRUE(cache.ok());
  pack_all(*checkpoint_, team, cache->get(), DType::kBFloat16, quantized_);
  EXPECT_EQ(packs().size(), 1U) << "one is being written";
  cache->reset();
  EXPECT_TRUE(packs().empty());
}

TEST_F(PackCacheTest, ACheckpointThatChangesMeanwhileIsNotCached) {
  use("qwen3_odd_sizes");
  const fs::path weights = path_ / "model.safetensors";
  const Loading loading = load_in(folder_.path() / "packs", "one rank", DType::kBFloat16,
                                  [&] { std::ofstream(weights, std::ios::app) << "x"; });
  EXPECT_EQ(loading.log, std::vector<std::string>{fmt::format(
                             "warning --pack-cache {}: {} was written meanwhile; packed weights are not kept",
                             (folder_.path() / "packs").string(), weights.string())});
  EXPECT_TRUE(packs().empty());
}

TEST_F(PackCacheTest, ManyAtOnceAreSafe) {
  use("gguf_qwen3");
  const std::string expected = packed_without();
  for (int round = 0; round < 3; ++round) {
    std::vector<Loading> loadings(4);
    std::vector<std::thread> threads;
    for (Loading& loading : loadings) threads.emplace_back([&] { loading = load(); });
    for (std::thread& thread : threads) thread.join();
    for (const Loading& loading : loadings) EXPECT_EQ(loading.packed, expected);
    EXPECT_EQ(load().log, std::vector<std::string>{read_line()});
    std::string damaged = bytes_of(pack());
    damaged[4096] = static_cast<char>(damaged[4096] ^ 1);
    write_bytes(pack(), damaged);
  }
}

// After a change of the packed bytes, raise kPackVersion and put the new digests here: files of the old version must
// not be read as new ones.
TEST_F(PackCacheTest, TheVersionStandsForTheseBytes) {
  std::vector<std::string> names = testing::gguf_fixture_names();
  names.insert(names.end(), {"qwen3_odd_sizes", "gpt_oss_mxfp4", "gpt_oss_plain"});
  const auto digest_of = [&](DType dtype) {
    Sha256 hash;
    for (const std::string& name : names) {
      use(name);
      const std::string packed = packed_without(dtype);
      hash.add(std::as_bytes(std::span(packed)));
    }
    return to_hex(hash.digest());
  };
  EXPECT_EQ(kPackVersion, 2U);
  EXPECT_EQ(digest_of(DType::kBFloat16), "c4e0699fda54448a8aa89bc45a3e84cc4af01b67859d68aed3ca5d776c455895");
  EXPECT_EQ(digest_of(DType::kFloat32), "9bf3075128b34a63a1cdbed01a5023c52a7f96b3ae49b4d85b6c3d4051e43b6f");

  names.insert(names.end(),
               {"quantized_awq", "quantized_fp8_blocks", "quantized_fp8_channel", "quantized_fp8_tensor",
                "quantized_gptq_8_bits", "quantized_gptq_act_order", "quantized_gptq_asymmetric", "quantized_mxfp4",
                "quantized_w4a16", "quantized_w4a16_asymmetric", "quantized_w8a16", "quantized_w8a8"});
  quantized_.activations = ActivationBits::k8;
  EXPECT_EQ(digest_of(DType::kBFloat16), "a7209b53be40cbee0529c31bdfc411bfbf8cb60fbfb5ce27a533ee0019e4d968")
      << "as codes";
}

}  // namespace
}  // namespace braid
