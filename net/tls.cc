// Files, contexts and OpenSSL's reasons in words; see tls.h.
#include "weir/net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstring>

#include "weir/base/check.h"
#include "weir/base/log.h"

namespace weir::net {
namespace {

/// The first reason in OpenSSL's queue, which is emptied.
std::string take_reason() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(error)) return std::strerror(ERR_GET_REASON(error));
  const char* reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "it cannot be read";
}

Error unusable(const std::string& what, const std::string& file) {
  return {ErrorCode::invalid_argument, "Cannot use " + file + " as " + what + ": " + take_reason()};
}

bool is_address(const std::string& host) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

/// Under which a context keeps a copy of its files, for messages.
int files_index() {
  static const int index = SSL_CTX_get_ex_new_index(
      0, nullptr, nullptr, nullptr, [](void*, void* files, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<TlsFiles*>(files);
      });
  return index;
}

TlsFiles files_of(const ssl_st* ssl) {
  const void* const files = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), files_index());
  return files != nullptr ? *static_cast<const TlsFiles*>(files) : TlsFiles();
}

/// What of a certificate's error is to be done by people; `ca` is the file of the own CA.
std::string advice(long verified, const std::string& ca) {
  switch (verified) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return " (renew it, or look at the clocks)";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return " (its subjectAltName must have the host that was asked)";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return ca.empty() ? " (it must be of a CA that the system trusts; tls-ca names another)"
                        : " (it must be of the CA in tls-ca, " + ca + ")";
    default:
      return "";
  }
}

/// Alerts about what this end has shown.
bool is_about_our_certificate(int reason) {
  switch (reason) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_NO_CERTIFICATE:
      return true;
    default:
      return false;
  }
}

}  // namespace

void FreeSsl::operator()(ssl_st* ssl) const { SSL_free(ssl); }
void Tls::FreeContext::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

Result<std::shared_ptr<Tls>> Tls::open(const TlsFiles& files) {
  if (files.cert.empty() != files.key.empty()) {
    return Error{ErrorCode::invalid_argument,
                 "A certificate and its key go together: give both of them, or neither"};
  }
  std::shared_ptr<Tls> tls(new Tls(files));
  tls->stamp_ = tls->stamp();
  WEIR_ASSIGN(tls->context_, load(files));
  return tls;
}

Result<std::shared_ptr<Tls>> Tls::open_member(const TlsFiles& files) {
  const int given = !files.ca.empty() + !files.cert.empty() + !files.key.empty();
  if (given == 0) return std::shared_ptr<Tls>();
  if (given < 3) {
    return Error{ErrorCode::invalid_argument,
                 "TLS needs three files: --tls-ca, --tls-cert and --tls-key"};
  }
  return open(files);
}

Tls::Stamp Tls::stamp() const {
  Stamp stamp{};
  std::size_t at = 0;
  for (const std::string* path : {&files_.ca, &files_.cert, &files_.key}) {
    struct stat file {};
    if (!path->empty() && ::stat(path->c_str(), &file) == 0) {
      stamp[at] = static_cast<std::int64_t>(file.st_ino);
      stamp[at + 1] = file.st_mtim.tv_sec * 1'000'000'000 + file.st_mtim.tv_nsec;
      stamp[at + 2] = file.st_size;
    }
    at += 3;
  }
  return stamp;
}

Result<Tls::Context> Tls::load(const TlsFiles& files) {
  ERR_clear_error();
  Context context(SSL_CTX_new(TLS_method()));
  WEIR_CHECK(context, "OpenSSL makes a context");
  SSL_CTX* const raw = context.get();
  SSL_CTX_set_ex_data(raw, files_index(), std::make_unique<TlsFiles>(files).release());
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  // Not to ask on a terminal for a passphrase.
  SSL_CTX_set_default_passwd_cb(raw, [](char*, int, int, void*) { return -1; });
  if (files.ca.empty()) {
    SSL_CTX_set_default_verify_paths(raw);
  } else {
    if (SSL_CTX_load_verify_file(raw, files.ca.c_str()) != 1) {
      return unusable("the certificate of a CA", files.ca);
    }
    SSL_CTX_set_client_CA_list(raw, SSL_load_client_CA_file(files.ca.c_str()));
  }
  if (files.cert.empty()) return context;
  if (SSL_CTX_use_certificate_chain_file(raw, files.cert.c_str()) != 1) {
    return unusable("a certificate", files.cert);
  }
  if (SSL_CTX_use_PrivateKey_file(raw, files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(raw) != 1) {
    return unusable("the key of " + files.cert, files.key);
  }
  return context;
}

/// The stamp is of before reading: what changes meanwhile is read again the next time.
SslPtr Tls::make() {
  const std::lock_guard lock(mutex_);
  if (const Stamp now = stamp(); now != stamp_) {
    stamp_ = now;
    auto fresh = load(files_);
    if (fresh.ok()) {
      context_ = std::move(*fresh);
      log_info("tls", "read the certificates anew, which have changed");
    } else {
      log_warn("tls", "stays with the certificates that it has: " + fresh.error().message);
    }
  }
  SslPtr ssl(SSL_new(context_.get()));
  WEIR_CHECK(ssl, "OpenSSL makes a connection");
  return ssl;
}

SslPtr Tls::accept(Caller caller) {
  SslPtr ssl = make();
  const int must = caller == Caller::must_show ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_set_verify(ssl.get(), SSL_VERIFY_PEER | must, nullptr);
  SSL_set_accept_state(ssl.get());
  return ssl;
}

SslPtr Tls::call(const std::string& host) {
  SslPtr ssl = make();
  SSL_set_verify(ssl.get(), SSL_VERIFY_PEER, nullptr);
  SSL_set_connect_state(ssl.get());
  if (host.empty()) return ssl;
  if (is_address(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str());
  } else {
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl.get(), host.c_str());
    SSL_set_tlsext_host_name(ssl.get(), host.c_str());
  }
  return ssl;
}

std::string tls_problem(const ssl_st* ssl, unsigned long error) {
  const int reason = ERR_GET_REASON(error);
  const char* const said = ERR_reason_error_string(error);
  const std::string words = said != nullptr ? said : "it closed the connection";
  // What OpenSSL notes besides is how it came to that.
  if (const long verified = SSL_get_verify_result(ssl); verified != X509_V_OK) {
    return std::string("its certificate is not accepted: ") +
           X509_verify_cert_error_string(verified) + advice(verified, files_of(ssl).ca);
  }
  if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    return "it shows no certificate; give it tls-cert and tls-key";
  }
  if (is_about_our_certificate(reason)) {
    const std::string cert = files_of(ssl).cert;
    return "the other end does not accept the certificate shown" +
           (cert.empty() ? ", which is none" : ", " + cert) + ", and its log says why: " + words;
  }
  if (is_plain_http(error)) return "it speaks plain HTTP";
  if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG) {
    return "it does not speak TLS (" + words + ")";
  }
  return words;
}

bool is_plain_http(unsigned long error) {
  return ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST;
}

bool looks_like_tls(std::string_view first) {
  // A record of kind handshake or alert, of version 3.1 to 3.4 (RFC 8446, section 5.1).
  return first.size() >= 3 && (first[0] == 0x16 || first[0] == 0x15) && first[1] == 3 &&
         first[2] >= 1 && first[2] <= 4;
}

}  // namespace weir::net
