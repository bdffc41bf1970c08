// Certificates for tests: a CA and those for whom it vouches, made on the spot, as PEM files in a
// folder that goes with it.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "weir/base/check.h"
#include "weir/net/tls.h"

namespace weir::net {

/// What a certificate is to say.
struct CertificateWish {
  std::string name = "somebody";
  std::string alternatives = "DNS:localhost,IP:127.0.0.1";  ///< subjectAltName
  std::string usage = "serverAuth,clientAuth";              ///< extendedKeyUsage
  std::chrono::seconds from{-3600}, until{3600};            ///< from now
};

class Authority {
 public:
  explicit Authority(const std::string& name = "a CA for tests") {
    std::string folder = (std::filesystem::temp_directory_path() / "weir-ca-XXXXXX").string();
    WEIR_CHECK(::mkdtemp(folder.data()) != nullptr, "a temporary folder can be made");
    folder_ = folder;
    key_.reset(EVP_EC_gen("P-256"));
    CertificateWish self;
    self.name = name;
    certificate_ = sign(self, key_.get(), true);
    write(ca(), nullptr, certificate_.get());
  }
  ~Authority() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  std::string ca() const { return folder_ / "ca.pem"; }
  /// For who only asks.
  TlsFiles only_ca() const { return {ca(), "", ""}; }
  /// A certificate with its key; one of the same name before it is overwritten.
  TlsFiles issue(const CertificateWish& wish = {}) {
    const Key key(EVP_EC_gen("P-256"));
    const Certificate certificate = sign(wish, key.get(), false);
    const TlsFiles files{ca(), folder_ / (wish.name + ".pem"), folder_ / (wish.name + ".key")};
    write(files.cert, nullptr, certificate.get());
    write(files.key, key.get(), nullptr);
    return files;
  }
  std::shared_ptr<Tls> member(const CertificateWish& wish = {}) {
    auto tls = Tls::open_member(issue(wish));
    WEIR_CHECK(tls.ok(), "a certificate just made can be used");
    return *tls;
  }
  std::shared_ptr<Tls> asker() const {
    auto tls = Tls::open(only_ca());
    WEIR_CHECK(tls.ok(), "a CA just made can be used");
    return *tls;
  }

 private:
  template <auto free>
  struct Free {
    template <class T>
    void operator()(T* object) const {
      free(object);
    }
  };
  using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
  using Certificate = std::unique_ptr<X509, Free<X509_free>>;

  Certificate sign(const CertificateWish& wish, EVP_PKEY* key, bool is_ca) {
    Certificate certificate(X509_new());
    X509* const raw = certificate.get();
    X509_set_version(raw, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(raw), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(raw), wish.from.count());
    X509_gmtime_adj(X509_getm_notAfter(raw), wish.until.count());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(wish.name.c_str()), -1, -1,
                               0);
    X509* const issuer = is_ca ? raw : certificate_.get();
    X509_set_issuer_name(raw, X509_get_subject_name(issuer));
    X509_set_pubkey(raw, key);
    extend(raw, issuer, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (!is_ca) {
      extend(raw, issuer, NID_subject_alt_name, wish.alternatives);
      extend(raw, issuer, NID_ext_key_usage, wish.usage);
    }
    WEIR_CHECK(X509_sign(raw, key_.get(), EVP_sha256()) > 0, "a certificate can be signed");
    return certificate;
  }
  static void extend(X509* certificate, X509* issuer, int what, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
    WEIR_CHECK(extension != nullptr, "a certificate can say that");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  static void write(const std::string& path, EVP_PKEY* key, X509* certificate) {
    BIO* file = BIO_new_file(path.c_str(), "w");
    WEIR_CHECK(file != nullptr, "a file can be made");
    if (key != nullptr) PEM_write_bio_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    if (certificate != nullptr) PEM_write_bio_X509(file, certificate);
    BIO_free(file);
  }

  std::filesystem::path folder_;
  long serial_ = 0;
  Key key_;
  Certificate certificate_;
};

}  // namespace weir::net
