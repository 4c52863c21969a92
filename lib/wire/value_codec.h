// Values as FlatBuffers buffers: parameters, `with` tables, dictionary results, admin replies.
#pragma once

#include <cstddef>
#include <span>

#include "base/bytes.h"
#include "base/result.h"
#include "base/value.h"

namespace flow::wire {

// An empty map becomes empty bytes, and empty bytes an empty map.
Bytes encode_value(const ValueMap& map);

// Verifies, then decodes. Any alignment. kInvalidArgument when it does not verify or is no map.
Result<ValueMap> decode_value(std::span<const std::byte> bytes);

}  // namespace flow::wire
