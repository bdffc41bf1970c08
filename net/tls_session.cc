// OpenSSL over strings; see tls_session.h.
#include "weir/net/tls_session.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>

#include "weir/base/check.h"

namespace weir::net {

struct TlsSession::Bio {
  static TlsSession& of(BIO* bio) { return *static_cast<TlsSession*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* to, std::size_t room, std::size_t* taken) {
    BIO_clear_retry_flags(bio);
    std::string_view& in = of(bio).in_;
    *taken = std::min(room, in.size());
    if (*taken == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    std::memcpy(to, in.data(), *taken);
    in.remove_prefix(*taken);
    return 1;
  }
  static int write(BIO* bio, const char* from, std::size_t size, std::size_t* written) {
    of(bio).out_.append(from, size);
    *written = size;
    return 1;
  }
  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* method() {
    static const BIO_METHOD* const made = [] {
      BIO_METHOD* bio = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir strings");
      WEIR_CHECK(bio != nullptr, "OpenSSL makes a kind of BIO");
      BIO_meth_set_read_ex(bio, read);
      BIO_meth_set_write_ex(bio, write);
      BIO_meth_set_ctrl(bio, control);
      return bio;
    }();
    return made;
  }
};

TlsSession::TlsSession(SslPtr ssl) : ssl_(std::move(ssl)) {
  BIO* bio = BIO_new(Bio::method());
  WEIR_CHECK(bio != nullptr, "OpenSSL makes a BIO");
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
}

Error TlsSession::failure() {
  return {ErrorCode::incompatible, tls_problem(ssl_.get(), ERR_peek_last_error()), true};
}

Result<bool> TlsSession::shake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    done_ = true;
    return true;
  }
  if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) return false;
  return failure();
}

Result<std::size_t> TlsSession::read(char* to, std::size_t room) {
  ERR_clear_error();
  std::size_t taken = 0;
  const int result = SSL_read_ex(ssl_.get(), to, room, &taken);
  if (result == 1) return taken;
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ) return std::size_t{0};
  if (error == SSL_ERROR_ZERO_RETURN) return Error{ErrorCode::io, "the other end closed it", true};
  return failure();
}

Status TlsSession::write(std::string_view plain) {
  if (plain.empty()) return {};
  ERR_clear_error();
  std::size_t written = 0;
  if (SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &written) == 1) return {};
  return failure();
}

}  // namespace weir::net
