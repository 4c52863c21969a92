// SIGTERM and SIGINT as a file descriptor, so that loops end in order instead of being interrupted.
#pragma once

namespace flow {

// Blocks SIGTERM and SIGINT for the whole process and makes them readable on fd(). Create it in
// main before any thread starts; one per process.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  int fd() const { return fd_; }

  // Takes one signal: its number, 0 when there is none.
  int take();

 private:
  int fd_;
};

}  // namespace flow
