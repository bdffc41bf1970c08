// The local channel; see channel.h.
#include "weir/runtime/channel.h"

namespace weir {
namespace {

class LocalChannel final : public Channel {
 public:
  explicit LocalChannel(std::size_t capacity) : forward_(capacity), back_(capacity + 2) {}

  bool push(ChannelElement& element) override {
    if (!forward_.push(element)) return false;
    wake_reader();
    return true;
  }
  std::unique_ptr<BatchBase> take_recycled() override {
    std::unique_ptr<BatchBase> batch;
    back_.pop(batch);
    return batch;
  }
  bool pop(ChannelElement& element) override {
    if (!forward_.pop(element)) return false;
    wake_writer();
    return true;
  }
  void recycle(std::unique_ptr<BatchBase> batch) override {
    if (batch) back_.push(batch);  // when the ring is full the batch is freed here
  }

 private:
  SpscRing<ChannelElement> forward_;
  SpscRing<std::unique_ptr<BatchBase>> back_;
};

}  // namespace

std::unique_ptr<Channel> make_local_channel(std::size_t capacity) {
  return std::make_unique<LocalChannel>(capacity);
}

}  // namespace weir
