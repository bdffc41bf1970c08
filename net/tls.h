// The certificates of TLS: the files that say who this process is and whom it believes, and what
// OpenSSL needs of them for each connection. The files are looked at for each: when they have been
// renewed, connections from then on use what they hold now.
//
// Only TLS 1.2 and 1.3, no renegotiation, no resumed sessions: each connection shows certificates.
//
// Thread-safe.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>

#include "weir/base/result.h"

struct ssl_st;
struct ssl_ctx_st;

namespace weir::net {

/// Paths of PEM files.
struct TlsFiles {
  std::string ca;    ///< whose certificates others must show; empty: the authorities of the system
  std::string cert;  ///< the own certificate, and behind it those between it and the CA
  std::string key;   ///< of that certificate, without a passphrase
};

struct FreeSsl {
  void operator()(ssl_st* ssl) const;
};
/// One end of one connection, as OpenSSL has it.
using SslPtr = std::unique_ptr<ssl_st, FreeSsl>;

class Tls {
 public:
  /// For whom asks others: a certificate of its own is by choice. Errors: invalid_argument, which
  /// names the file, for what cannot be read or does not fit together.
  static Result<std::shared_ptr<Tls>> open(const TlsFiles& files);
  /// For whom others ask, too: all three files are needed. Nothing (null) when none is given.
  /// Errors: as of `open`; invalid_argument when some are missing.
  static Result<std::shared_ptr<Tls>> open_member(const TlsFiles& files);

  /// The end that accepts. The certificate that a caller shows must be of the CA.
  enum class Caller { must_show, may_show };
  SslPtr accept(Caller caller);
  /// The end that calls. The other end's certificate must be of the CA, and name `host` (a name or
  /// an address) unless that is empty.
  SslPtr call(const std::string& host = {});

  const TlsFiles& files() const { return files_; }

 private:
  struct FreeContext {
    void operator()(ssl_ctx_st* context) const;
  };
  using Context = std::unique_ptr<ssl_ctx_st, FreeContext>;
  /// When each file was changed last and which file it is.
  using Stamp = std::array<std::int64_t, 9>;

  explicit Tls(TlsFiles files) : files_(std::move(files)) {}
  Stamp stamp() const;
  static Result<Context> load(const TlsFiles& files);
  SslPtr make();

  const TlsFiles files_;
  std::mutex mutex_;  // guards what follows
  Context context_;
  Stamp stamp_{};
};

/// Why an operation of `ssl` failed with `error` of OpenSSL's queue (ERR_get_error), in words that
/// say what to do: "its certificate is not accepted: certificate has expired". Of the other end it
/// speaks as "it".
std::string tls_problem(const ssl_st* ssl, unsigned long error);
/// Whether `error` is that of a caller who speaks plain HTTP.
bool is_plain_http(unsigned long error);
/// Whether what somebody says first looks like the begin of TLS; decided by three bytes, fewer do
/// not tell (false). Never so of a frame (net/frame.h) that is small enough for a greeting.
bool looks_like_tls(std::string_view first);

}  // namespace weir::net
