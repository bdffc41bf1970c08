# What the library stands on. `weir_third_party` is linked privately: a job author needs only the
# Boost headers and threads.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(simdjson REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(zstd REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CURL 7.75 REQUIRED)  # signs requests since then
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto SSL)
find_package(TBB REQUIRED)
find_path(WEIR_XXHASH_INCLUDE xxhash.h REQUIRED)
find_library(WEIR_XXHASH_LIBRARY xxhash REQUIRED)
find_path(WEIR_RDKAFKA_INCLUDE librdkafka/rdkafka.h REQUIRED)
find_library(WEIR_RDKAFKA_LIBRARY rdkafka REQUIRED)
find_program(WEIR_CAPNP capnp REQUIRED)
find_path(WEIR_CAPNP_INCLUDE capnp/message.h REQUIRED)
find_library(WEIR_CAPNP_LIBRARY capnp REQUIRED)
find_library(WEIR_KJ_LIBRARY kj REQUIRED)

add_library(weir_third_party INTERFACE)
target_include_directories(weir_third_party SYSTEM INTERFACE
  ${WEIR_XXHASH_INCLUDE} ${WEIR_RDKAFKA_INCLUDE} ${WEIR_CAPNP_INCLUDE})
target_link_libraries(weir_third_party INTERFACE
  ${WEIR_XXHASH_LIBRARY} ${WEIR_RDKAFKA_LIBRARY} ${WEIR_CAPNP_LIBRARY} ${WEIR_KJ_LIBRARY}
  Boost::headers Boost::json simdjson::simdjson
  spdlog::spdlog yaml-cpp zstd::libzstd_shared ZLIB::ZLIB CURL::libcurl
  OpenSSL::SSL OpenSSL::Crypto TBB::tbb
  Threads::Threads
  ${CMAKE_DL_LIBS})

# What benchmarks compare with. Found by file: RocksDB's package file asks for every library that it
# was built with.
find_path(WEIR_ROCKSDB_INCLUDE rocksdb/db.h REQUIRED)
find_library(WEIR_ROCKSDB_LIBRARY rocksdb REQUIRED)
