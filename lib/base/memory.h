// How a process of ours keeps memory.
#pragma once

namespace flow {

// Lets the allocator keep up to 32 MiB of freed memory in each of its arenas, and take blocks of up
// to 32 MiB from there. Left alone, glibc gives memory back as soon as 128 KiB lie free at the end
// of an arena (more once larger blocks were freed), so that large messages are received into pages
// the kernel has to make and clear first. For the whole process: for programs, before threads.
void keep_freed_memory();

}  // namespace flow
