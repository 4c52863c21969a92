// flow-worker: the built-in executors.
#include "executors/builtins.h"

int main(int argc, char** argv) {
  return flow::run_executors(argc, argv, flow::executors::builtins());
}
