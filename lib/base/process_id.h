// The number of this process, without asking the kernel.
#pragma once

namespace flow {

// From now on getpid() is answered from memory in the whole process, as glibc itself did before
// 2.25, and after fork() by the kernel again. libzmq calls it whenever it looks into one of its
// mailboxes: about forty system calls a request of a chain of two, a twentieth of its latency. For
// programs, before threads: linking this function is what replaces getpid(). Who makes
// processes by vfork() or the bare clone() system call, and asks there, is told the parent's number
// (docs/decisions/0008).
void remember_process_id();

}  // namespace flow
