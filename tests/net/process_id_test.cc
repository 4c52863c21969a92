// In a program with libzmq, which is whom it is for.
#include "base/process_id.h"

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

TEST_CASE("getpid is remembered, for libraries too, and not by a child") {
  const auto asked = static_cast<pid_t>(syscall(SYS_getpid));
  CHECK(getpid() == asked);
  flow::remember_process_id();
  CHECK(getpid() == asked);
  CHECK(dlsym(RTLD_DEFAULT, "getpid") == reinterpret_cast<void*>(&getpid));
  CHECK(dlsym(RTLD_NEXT, "getpid") != reinterpret_cast<void*>(&getpid));
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) _exit(getpid() == static_cast<pid_t>(syscall(SYS_getpid)) ? 0 : 1);
  int status = 1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
