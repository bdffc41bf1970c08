#!/bin/sh
# The demonstration of shop_cohorts works; it compares its output itself.
exec "$WEIR_SOURCE_DIR/examples/shop_cohorts/demo"
