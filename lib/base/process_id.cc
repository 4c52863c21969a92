#include "base/process_id.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

namespace flow {
namespace {

std::atomic<pid_t> known{0};  // 0: ask

pid_t ask() {
  return static_cast<pid_t>(syscall(SYS_getpid));
}

void forget() {
  known.store(0, std::memory_order_relaxed);
}

}  // namespace

void remember_process_id() {
  if (pthread_atfork(nullptr, nullptr, forget) == 0) known.store(ask(), std::memory_order_relaxed);
}

}  // namespace flow

// Takes the place of the C library's, for libraries too.
extern "C" pid_t getpid() noexcept {
  const pid_t pid = flow::known.load(std::memory_order_relaxed);
  return pid != 0 ? pid : flow::ask();
}
