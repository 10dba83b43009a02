#include "braid/journal/record_files.h"

namespace braid {

Status RecordFiles::write(const JournalRecord& record, std::string_view bytes) {
  TRY_STATUS(segments_.append(key_of(record), bytes));
  if (const auto* end = std::get_if<JournaledEnd>(&record)) segments_.forget(end->key);
  const auto* delta = std::get_if<JournaledDelta>(&record);
  if (delta != nullptr && delta->delta.finish != FinishReason::kNone) ended_.emplace_back(delta->time_s, delta->key);
  return {};
}

void RecordFiles::forget_ended(double now_s) {
  while (!ended_.empty() && ended_.front().first + keep_s_ < now_s) {
    segments_.forget(ended_.front().second);
    ended_.pop_front();
  }
}

}  // namespace braid
