// How a process of ours keeps memory.
#pragma once

namespace flow {

// Lets the allocator keep up to 16 MiB of freed memory in each of its arenas, and take blocks of up
// to 4 MiB from there. Left alone, glibc gives memory back as soon as 128 KiB lie free at the end
// of an arena, so that every large message is received into pages the kernel has to make and clear
// first. For the whole process: to be called by main(), before threads, not by libraries.
void keep_freed_memory();

}  // namespace flow
