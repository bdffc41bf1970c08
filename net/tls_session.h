// One end of a TLS connection without its socket: bytes that have come are fed to it, bytes to be
// sent are taken from it, so that whoever owns the socket reads and writes as much at a time as
// without TLS.
//
// One thread at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "weir/base/result.h"
#include "weir/net/tls.h"

namespace weir::net {

class TlsSession {
 public:
  explicit TlsSession(SslPtr ssl);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// What has come from the other end; `bytes` must stay as they are until `shake` has returned
  /// false or `read` 0, which take all of them.
  void feed(std::string_view bytes) { in_ = bytes; }
  /// Begins the handshake, or goes on with it; true once it is done, false when more must come.
  /// Then, and after an error, there may be something to send. Error: incompatible, retryable, why
  /// the two ends do not come together.
  Result<bool> shake();
  bool done() const { return done_; }
  /// Decrypts up to `room` bytes to `to`; 0 when more must come. Error: as of `shake`; io when the
  /// other end has said its last.
  Result<std::size_t> read(char* to, std::size_t room);
  /// Encrypts `plain`, after the handshake. Error: as of `shake`.
  Status write(std::string_view plain);
  /// What is to be sent, to be emptied by whoever sends it.
  std::string& out() { return out_; }

 private:
  struct Bio;  // between OpenSSL and the strings here
  Error failure();

  const SslPtr ssl_;
  std::string_view in_;
  std::string out_;
  bool done_ = false;
};

}  // namespace weir::net
