// Encodes what a check of weights has found within a ProcessMessage (process_message.fbs). Tested by
// process_message_codec_test.cc.
#pragma once

#include "braid/base/result.h"
#include "braid/wire/flat_parts.h"
#include "braid/wire/process_message_codec.h"
#include "braid/wire/process_message_generated.h"

namespace braid {

flat::Offset<process_message_format::WeightsChecked> encode_weights_checked(flat::Builder& builder,
                                                                            const WeightsChecked& checked);

// An error if a list or a name is longer than the limits, if there are more bad pages than pages, or for a time that is
// none.
Result<WeightsChecked> decode_weights_checked(const process_message_format::WeightsChecked& from,
                                              const ProcessMessageLimits& limits);

}  // namespace braid
