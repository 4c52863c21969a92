// Which parameters an executor sees of those a client sent.
#pragma once

#include <string_view>

#include "base/value.h"

namespace flow::route {

// The parameters as the executor `name` sees them:
//   name__k: v      sets k over the plain key; keys of this form are removed, whichever executor
//                   they name;
//   {name: {k: v}}  a nested map of its name goes over both, and stays.
// The last "__" divides name and key. A key that begins or ends with "__" is plain. The order of
// the plain keys is kept.
ValueMap parameters_for(const ValueMap& parameters, std::string_view name);

}  // namespace flow::route
