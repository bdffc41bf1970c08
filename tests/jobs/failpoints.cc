// Prints the names of all failpoints of the engine, one a line, for tests that die at each.
#include <cstdio>

#include "weir/base/failpoint.h"

int main() {
  for (const std::string& name : weir::failpoint_names()) std::puts(name.c_str());
}
