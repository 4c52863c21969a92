#include "base/memory.h"

#include <malloc.h>

namespace flow {

void keep_freed_memory() {
  mallopt(M_TRIM_THRESHOLD, 32 << 20);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most it takes
}

}  // namespace flow
