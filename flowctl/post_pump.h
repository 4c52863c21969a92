// Sends an input of any length as requests and prints the replies as they come: this thread reads
// and sends, a second one prints. At most `concurrency` requests are in flight, and at most
// kAhead times as many wait for an earlier one to be printed.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/time.h"
#include "flow/client.h"
#include "flowctl/document_reader.h"
#include "flowctl/progress.h"
#include "flowctl/reply_printer.h"
#include "net/loop.h"

namespace flow::flowctl {

struct PumpOptions {
  std::string endpoint;
  PostOptions post;
};

class PostPump {
 public:
  static constexpr std::size_t kAhead = 4;

  // `stop` ends the reader's wait for input when nobody reads stdout any more; it outlives the
  // pump.
  PostPump(Client client, PumpOptions options, ReplyPrinter printer, net::Waker& stop);

  // Sends everything `input` has; without one a single request without documents. The exit code.
  int run(DocumentReader* input);

 private:
  // The reader's.
  int send_all(DocumentReader& input);
  bool wait_for_room();
  void send(const wire::DocumentList& documents);

  // The printer's.
  void print_all();
  bool take(std::unique_lock<std::mutex>& lock, Reply& reply);
  void print(const Reply& reply);
  void output(const std::string& text);
  void stop_reading();

  PumpOptions options_;
  net::Waker& stop_;
  const SystemClock clock_;

  ReplyPrinter printer_;  // the printing thread's
  Progress progress_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, Reply> arrived_;
  std::uint64_t sent_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t printed_ = 0;
  bool all_sent_ = false;
  bool stopped_ = false;        // nobody reads what we print, or it cannot be written
  bool output_failed_ = false;  // it cannot be written
  bool any_failed_ = false;
  std::uint64_t documents_ = 0;  // of printed replies
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_total_ = 0;

  std::optional<Client> client_;  // last: it calls back into the above until it is gone
};

}  // namespace flow::flowctl
