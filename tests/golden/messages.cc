#include "messages.h"

#include "samples.h"

namespace flow::wire::golden {
namespace {

using samples::deliver;
using samples::equal;

Golden part(const std::string& name, const Bytes& payload) {
  PartEncoder encoder;
  return {name, deliver(encoder.encode(samples::part(), payload)), [payload](Received received) {
            Part read;
            return decode_part(std::move(received), read).ok() &&
                   equal(read.header, samples::part()) && read.payload == payload;
          }};
}

Golden report() {
  return {"report", deliver(encode_report(samples::report())), [](const Received& received) {
            Report read;
            return decode_report(received, read).ok() && equal(read, samples::report());
          }};
}

Golden snapshot_ask() {
  SnapshotEncoder encoder;
  return {"snapshot_ask", deliver(encoder.encode(samples::snapshot_ask())), [](Received received) {
            const auto read = decode_snapshot_ask(received);
            return read.ok() && read->cursor == samples::snapshot_ask().cursor;
          }};
}

Golden snapshot_piece() {
  SnapshotEncoder encoder;
  const SnapshotPiece piece = samples::snapshot_piece();
  return {"snapshot_piece", deliver(encoder.encode(piece)), [](Received received) {
            const auto read = decode_snapshot_piece(std::move(received));
            return read.ok() && read->next == samples::snapshot_piece().next &&
                   read->payload == samples::snapshot_piece().payload;
          }};
}

// `Reads` is a call of the decoder and a comparison.
template <typename Message>
Golden client(const std::string& name, const Message& message,
              std::function<bool(Received)> reads_as_said) {
  ClientEncoder encoder;
  return {name, deliver(encoder.encode(message)), std::move(reads_as_said)};
}

bool reads_hello(const Received& received) {
  ClientHello read;
  return decode_client_hello(received, read).ok() && read.client == samples::client_hello().client;
}

bool reads_welcome(const Received& received) {
  ClientWelcome read;
  return decode_client_welcome(received, read).ok() && equal(read, samples::client_welcome());
}

bool reads_request(Received received) {
  Request read;
  return decode_request(std::move(received), read).ok() && equal(read, samples::request());
}

bool reads_response(Received received) {
  Response read;
  return decode_response(std::move(received), read).ok() && equal(read, samples::response());
}

bool reads_cancel(const Received& received) {
  const Result<std::uint64_t> read = decode_cancel(received);
  return read.ok() && *read == 77;
}

std::function<bool(Received)> reads_kind(Kind kind) {
  return [kind](Received received) {
    const Result<Envelope> envelope = open_envelope(received);
    return envelope.ok() && envelope->kind == kind;
  };
}

Golden control(const samples::Control& sample) {
  return {sample.name, deliver(encode_control(sample.message)),
          [message = sample.message](Received received) {
            const Result<ControlMessage> read = decode_control(std::move(received));
            return read.ok() && equal(*read, message);
          }};
}

}  // namespace

std::vector<Golden> messages() {
  ClientEncoder encoder;
  std::vector<Golden> all;
  all.push_back(part("part", samples::small_payload()));
  all.push_back(part("part_of_two_frames", samples::large_payload()));
  all.push_back(report());
  all.push_back(snapshot_ask());
  all.push_back(snapshot_piece());
  all.push_back(client("client_hello", samples::client_hello(), reads_hello));
  all.push_back(client("client_welcome", samples::client_welcome(), reads_welcome));
  all.push_back(client("request", samples::request(), reads_request));
  all.push_back(client("response", samples::response(), reads_response));
  all.push_back({"cancel", deliver(encoder.encode_cancel(77)), reads_cancel});
  all.push_back({"ping", deliver(encoder.encode_ping()), reads_kind(Kind::kPing)});
  all.push_back({"pong", deliver(encoder.encode_pong()), reads_kind(Kind::kPong)});
  for (const samples::Control& sample : samples::control_messages()) {
    all.push_back(control(sample));
  }
  return all;
}

}  // namespace flow::wire::golden
