#include "braid/model/layers/embedding.h"

#include <utility>

#include "braid/base/check.h"

namespace braid {

Embedding::Embedding(RowsBuffer table) : table_(std::move(table)) {}

Embedding::Embedding(std::vector<SharedMatrix> head_parts) : head_parts_(std::move(head_parts)) {
  CHECK(!head_parts_.empty());
  for (const SharedMatrix& part : head_parts_) {
    CHECK(part->n() == head_parts_.front()->n() && part->k() == head_parts_.front()->k());
  }
}

void Embedding::operator()(Ops& ops, std::span<const TokenId> ids, Rows y) const {
  if (head_parts_.empty()) return ops.embed(ids, table_.first(table_.max_rows()), y);
  if (head_parts_.size() == 1) return ops.embed(ids, *head_parts_.front(), y);
  const int64_t part_rows = head_parts_.front()->n();
  ops.parallel_for(y.rows, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t id = ids[static_cast<size_t>(i)];
      head_parts_[static_cast<size_t>(id / part_rows)]->read_column(id % part_rows, y.row<float>(i));
    }
  });
}

void Embedding::list_weights(const WeightSpec& tensor, WeightList& list) const {
  const Rows table = table_.first(table_.max_rows());
  list.add(tensor.name, std::span<const std::byte>(table.data, static_cast<size_t>(table_.bytes())));
  for (const SharedMatrix& part : head_parts_) list.add(tensor.name, *part);
}

}  // namespace braid
