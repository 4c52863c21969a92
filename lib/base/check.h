// FLOW_CHECK: states what must hold if our own code is right.
//
// A failed check prints file, line and message and aborts, in every build type. Bad input is never
// a check: it is an Error.
#pragma once

#include <cstdio>
#include <cstdlib>

#define FLOW_CHECK(condition, message)                                                    \
  do {                                                                                    \
    if (!(condition)) [[unlikely]] {                                                      \
      std::fprintf(stderr, "%s:%d: check failed: %s (%s)\n", __FILE__, __LINE__, message, \
                   #condition);                                                           \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)
