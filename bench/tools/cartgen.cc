// cartgen LINES FILE: writes the input of the `cart` work and prints the exact answers for it.
#include "bench/cartgen.h"

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: cartgen LINES FILE, for example: cartgen 5000000 cart.jsonl\n");
    return 2;
  }
  std::FILE* file = std::fopen(argv[2], "w");
  if (file == nullptr) {
    std::fprintf(stderr, "cartgen: cannot write %s\n", argv[2]);
    return 1;
  }
  weir::bench::CartGenerator generator(std::atoll(argv[1]));
  std::string text;
  bool written = true;
  for (bool more = true; more && written;) {
    text.clear();
    while (text.size() < 1 << 20 && (more = generator.append_line(text))) continue;
    written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  }
  if (std::fclose(file) != 0 || !written) {
    std::fprintf(stderr, "cartgen: %s could not be written in full; is the disk full?\n", argv[2]);
    return 1;
  }
  const weir::bench::CartAnswers a = generator.answers();
  std::printf(
      "lines=%lld bytes=%lld distinct_messages=%lld duplicates=%lld product_added=%lld "
      "order_completed=%lld alerts=%lld boundary_ties=%lld max_out_of_order_ms=%lld\n",
      static_cast<long long>(a.lines), static_cast<long long>(a.bytes),
      static_cast<long long>(a.distinct_messages), static_cast<long long>(a.duplicates),
      static_cast<long long>(a.products_added), static_cast<long long>(a.orders_completed),
      static_cast<long long>(a.alerts), static_cast<long long>(a.boundary_ties),
      static_cast<long long>(a.max_out_of_order_ms));
}
