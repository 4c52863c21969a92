// The golden messages: one of each kind with every field set.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/frames.h"

namespace flow::wire::golden {

struct Golden {
  std::string name;                             // of the file, without .bin
  Received message;                             // as the encoder makes it now
  std::function<bool(Received)> reads_as_said;  // whether a message decodes to the sample
};

std::vector<Golden> messages();

}  // namespace flow::wire::golden
