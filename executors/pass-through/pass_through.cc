#include "executors/pass-through/pass_through.h"

namespace flow::executors {

PassThrough::PassThrough(const ExecutorConfig&) {
  on_default(&PassThrough::pass);
}

void PassThrough::pass(const Request&) {}

}  // namespace flow::executors
