#include "dbs/testing/servers/certificates.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

namespace dbs::testing {

namespace {

namespace fs = std::filesystem;

template <auto Free>
struct release {
  template <class T>
  void operator()(T* x) const {
    Free(x);
  }
};

using key_ptr = std::unique_ptr<EVP_PKEY, release<EVP_PKEY_free>>;
using certificate_ptr = std::unique_ptr<X509, release<X509_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, release<X509_EXTENSION_free>>;
using file_ptr = std::unique_ptr<FILE, release<fclose>>;

void check(bool ok, const char* what) {
  if (ok)
    return;
  const char* reason = ERR_reason_error_string(ERR_get_error());
  throw std::runtime_error(std::string{"cannot make certificates: "} + what + ": " +
                           (reason != nullptr ? reason : "no reason given"));
}

struct identity {
  key_ptr key;
  certificate_ptr certificate;
};

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  extension_ptr extension{X509V3_EXT_conf_nid(nullptr, &context, nid, value)};
  check(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1, value);
}

/// Signs with `issuer`, or with its own key when there is none: an authority.
identity make_identity(const char* name, const identity* issuer) {
  identity result;
  result.key.reset(EVP_EC_gen("P-256"));
  check(result.key != nullptr, "key generation");
  result.certificate.reset(X509_new());
  auto* certificate = result.certificate.get();
  check(certificate != nullptr, "out of memory");
  uint32_t serial = 0;
  check(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial)) == 1, "randomness");
  constexpr long day = 24L * 60 * 60;
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), uint64_t{serial} + 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -day);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 7 * day);
  X509_set_pubkey(certificate, result.key.get());
  check(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(name), -1, -1, 0) == 1,
        "subject name");
  auto* signer = issuer != nullptr ? issuer->certificate.get() : certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  add_extension(certificate, signer, NID_subject_key_identifier, "hash");
  add_extension(certificate, signer, NID_authority_key_identifier, "keyid");
  if (issuer == nullptr) {
    add_extension(certificate, signer, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate, signer, NID_key_usage, "critical,keyCertSign,cRLSign");
  } else {
    add_extension(certificate, signer, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(certificate, signer, NID_ext_key_usage, "serverAuth,clientAuth");
    add_extension(certificate, signer, NID_subject_alt_name,
                  "DNS:localhost,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1");
  }
  auto* signing_key = issuer != nullptr ? issuer->key.get() : result.key.get();
  check(X509_sign(certificate, signing_key, EVP_sha256()) != 0, "signature");
  return result;
}

file_ptr create_file(const fs::path& path, mode_t mode) {
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  file_ptr file{fd >= 0 ? fdopen(fd, "w") : nullptr};
  if (file == nullptr)
    throw std::runtime_error("cannot write " + path.string());
  fchmod(fd, mode); // whatever the umask says
  return file;
}

void write_certificate(const fs::path& path, const identity& who) {
  auto file = create_file(path, 0644);
  check(PEM_write_X509(file.get(), who.certificate.get()) == 1, "writing a certificate");
}

} // namespace

certificate_files make_certificates(const fs::path& directory,
                                    const std::optional<account>& owner) {
  auto authority = make_identity("Private Test Authority", nullptr);
  auto rogue = make_identity("Rogue Test Authority", nullptr);
  auto server = make_identity("localhost", &authority);
  certificate_files files{directory / "authority.pem", directory / "server.pem",
                          directory / "server.key", directory / "rogue_authority.pem"};
  write_certificate(files.authority, authority);
  write_certificate(files.rogue_authority, rogue);
  write_certificate(files.certificate, server);
  auto key = create_file(files.key, 0600);
  check(PEM_write_PrivateKey(key.get(), server.key.get(), nullptr, nullptr, 0, nullptr, nullptr) ==
            1,
        "writing a key");
  if (owner && fchown(fileno(key.get()), owner->uid, owner->gid) != 0)
    throw std::runtime_error("cannot give " + files.key.string() + " to " + owner->name);
  return files;
}

} // namespace dbs::testing
