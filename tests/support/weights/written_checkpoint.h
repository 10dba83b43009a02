// A fixture's checkpoint, written to a folder and opened again, and the values it was written from.
#pragma once

#include <string>
#include <vector>

#include "braid/hub/model_path.h"
#include "braid/weights/checkpoint.h"
#include "tests/support/model_fixture.h"
#include "tests/support/seeded_weights.h"
#include "tests/support/temporary_folder.h"

namespace braid::testing {

inline std::vector<float> expected_values(const ModelFixture& fixture, const FixtureTensor& tensor) {
  int64_t count = 1;
  for (const int64_t size : tensor.shape) count *= size;
  const auto bytes =
      seeded_bytes(seeded_key(fixture.seed, tensor.seeded_as), count, tensor.scale, tensor.offset, tensor.dtype);
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    const std::byte* const at = bytes.data() + i * dtype_bytes(tensor.dtype);
    if (tensor.dtype == DType::kFloat32) {
      values.push_back(*reinterpret_cast<const float*>(at));
    } else if (tensor.dtype == DType::kBFloat16) {
      values.push_back(to_float(*reinterpret_cast<const BFloat16*>(at)));
    } else {
      values.push_back(to_float(*reinterpret_cast<const Float16*>(at)));
    }
  }
  return values;
}

inline Result<Checkpoint> open_written(const ModelFixture& fixture, const TemporaryFolder& folder, int num_shards = 1) {
  write_checkpoint(fixture, folder.path(), {.num_shards = num_shards});
  TRY(const auto model, resolve_model_path(folder.path().string(), {}));
  return Checkpoint::open(model);
}

}  // namespace braid::testing
