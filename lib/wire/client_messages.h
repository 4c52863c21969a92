// The conversation between clients and the gateway, as types (schemas/client.fbs).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "wire/envelope.h"
#include "wire/part.h"

namespace flow::wire {

struct ClientHello {
  std::string client;
  bool carriers = false;  // it understands answers in carriers
};

struct ClientWelcome {
  InstanceId gateway;
  std::string flow;
  std::uint64_t max_request_bytes = 0;
  std::uint32_t max_in_flight = 0;
  Duration deadline{};
  bool carriers = false;  // it understands requests in carriers
};

struct Request {
  std::uint64_t id = 0;
  std::string endpoint;
  std::string target_executor;
  Duration timeout{};  // 0: the flow's deadline
  Bytes parameters;
  Bytes payload;
};

struct ResponseHop {
  std::string executor;
  std::string instance;
  std::uint32_t queue_us = 0;
  std::uint32_t execute_us = 0;
  std::uint32_t reduce_us = 0;
  std::uint32_t wire_us = 0;
};

struct Response {
  std::uint64_t id = 0;
  RequestId request;
  std::unique_ptr<Failure> failure;  // absent: OK
  std::uint16_t attempts = 0;
  std::uint64_t total_us = 0;
  std::vector<ResponseHop> hops;
  std::vector<MissingShard> missing;
  Bytes results;
  Duration retry_after{};
  Bytes payload;
};

// Encodes client messages for one thread; Frames are valid until the next call. The ones without
// content (Ping, Pong) take their kind only.
class ClientEncoder {
 public:
  ClientEncoder();
  ~ClientEncoder();
  ClientEncoder(const ClientEncoder&) = delete;
  ClientEncoder& operator=(const ClientEncoder&) = delete;

  Frames encode(const ClientHello& hello);
  Frames encode(const ClientWelcome& welcome);
  Frames encode(const Request& request);  // without copying the payload
  Frames encode(const Response& response);
  Frames encode_cancel(std::uint64_t id);
  Frames encode_ping();
  Frames encode_pong();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Each decodes the message of its kind (see peek), reusing the target's memory. kInvalidArgument
// for anything that does not verify. Payloads are taken out of `received`, not yet verified.
Status decode_client_hello(const Received& received, ClientHello& hello);
Status decode_client_welcome(const Received& received, ClientWelcome& welcome);
Status decode_request(Received&& received, Request& request);
Status decode_response(Received&& received, Response& response);
Result<std::uint64_t> decode_cancel(const Received& received);

}  // namespace flow::wire
