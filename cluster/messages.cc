// Messages as Cap'n Proto; see messages.h. Not packed: a frame has its own hash, and messages are
// few.
#include "weir/cluster/messages.h"

#include "messages.capnp.h"
#include "weir/cluster/capnp.h"

namespace weir::cluster {
namespace {

/// Refuses the message that is being read.
[[noreturn]] void refuse(const std::string& why) {
  kj::throwFatalException(
      kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__, kj::str(why.c_str())));
}

// ---- texts and enums ----------------------------------------------------------------------------

capnp::Text::Reader text(const std::string& s) { return {s.data(), s.size()}; }
std::string text(capnp::Text::Reader t) { return {t.begin(), t.size()}; }

JobState job_state(const std::string& name) {
  JobState found{};
  bool known = false;
  for_each_enumerator<JobState>([&](const char* candidate, JobState state) {
    if (name != candidate) return;
    found = state;
    known = true;
  });
  if (!known) refuse("there is no state '" + name + "' of a job");
  return found;
}

ProcessPhase process_phase(std::uint8_t number) {
  if (number > static_cast<std::uint8_t>(ProcessPhase::ended)) {
    refuse("there is no phase " + std::to_string(number) + " of a process");
  }
  return static_cast<ProcessPhase>(number);
}

// ---- parts --------------------------------------------------------------------------------------

void write(wire::Address::Builder to, const Address& address) {
  to.setHost(text(address.host));
  to.setPort(address.port);
}
void read(wire::Address::Reader from, Address& address) {
  address = {text(from.getHost()), from.getPort()};
}

void write(wire::Pair::Builder to, const std::pair<const std::string, std::string>& pair) {
  to.setKey(text(pair.first));
  to.setValue(text(pair.second));
}
void read(capnp::List<wire::Pair>::Reader from, std::map<std::string, std::string>& pairs) {
  for (const auto pair : from) pairs[text(pair.getKey())] = text(pair.getValue());
}

void write(wire::Failure::Builder to, const Error& error) {
  to.setCode(to_string(error.code));
  to.setMessage(text(error.message));
  to.setRetryable(error.retryable);
}
Error read(wire::Failure::Reader from) {
  return {parse_error_code(text(from.getCode())), text(from.getMessage()), from.getRetryable()};
}

void write(wire::ProcessId::Builder to, const ProcessId& id) {
  to.setJob(text(id.job));
  to.setAttempt(id.attempt);
  to.setProcess(id.process);
}
void read(wire::ProcessId::Reader from, ProcessId& id) {
  id = {text(from.getJob()), from.getAttempt(), from.getProcess()};
}

void write(wire::ProcessPlace::Builder to, const ProcessPlace& place) {
  to.setWorker(text(place.worker));
  to.setSlots(place.slots);
}
void read(wire::ProcessPlace::Reader from, ProcessPlace& place) {
  place = {text(from.getWorker()), from.getSlots()};
}

void write(wire::ProcessReport::Builder to, const ProcessReport& report) {
  write(to.initId(), report.id);
  to.setPhase(static_cast<std::uint8_t>(report.phase));
  write(to.initAddress(), report.address);
  to.setOutcome(enumerator_name(report.outcome));
  to.setCheckpoint(report.checkpoint);
  if (report.failure) write(to.initFailure(), *report.failure);
  if (!report.failed_task) return;
  auto task = to.initFailedTask();
  task.setSteps(text(report.failed_task->steps));
  task.setSubtask(report.failed_task->subtask);
  task.setProcess(report.failed_task->process);
}
void read(wire::ProcessReport::Reader from, ProcessReport& report) {
  read(from.getId(), report.id);
  report.phase = process_phase(from.getPhase());
  read(from.getAddress(), report.address);
  report.outcome = job_state(text(from.getOutcome()));
  report.checkpoint = from.getCheckpoint();
  if (from.hasFailure()) report.failure = read(from.getFailure());
  if (!from.hasFailedTask()) return;
  const auto task = from.getFailedTask();
  report.failed_task = {text(task.getSteps()), task.getSubtask(), task.getProcess()};
}

/// Writes `items` to a list of as many.
template <class List, class Items>
void write_all(List list, const Items& items) {
  unsigned i = 0;
  for (const auto& item : items) write(list[i++], item);
}

/// Reads `list` to the end of `items`.
template <class List, class Item>
void read_all(List list, std::vector<Item>& items) {
  items.resize(list.size());
  for (unsigned i = 0; i < list.size(); ++i) read(list[i], items[i]);
}

void write(wire::JobSpec::Builder to, const JobSpec& spec) {
  to.setName(text(spec.name));
  to.setLibrary(text(spec.library));
  to.setLibraryHash(text(spec.library_hash));
  write_all(to.initSettings(static_cast<unsigned>(spec.settings.size())), spec.settings);
  write_all(to.initOptions(static_cast<unsigned>(spec.options.size())), spec.options);
  to.setParallelism(spec.parallelism);
  to.setStateDir(text(spec.state_dir));
  to.setFrom(text(spec.from));
}
void read(wire::JobSpec::Reader from, JobSpec& spec) {
  spec.name = text(from.getName());
  spec.library = text(from.getLibrary());
  spec.library_hash = text(from.getLibraryHash());
  read(from.getSettings(), spec.settings);
  read(from.getOptions(), spec.options);
  spec.parallelism = from.getParallelism();
  spec.state_dir = text(from.getStateDir());
  spec.from = text(from.getFrom());
}

// ---- messages -----------------------------------------------------------------------------------

void write(wire::Register::Builder to, const Register& worker) {
  to.setWorker(text(worker.worker));
  to.setHost(text(worker.host));
  to.setSlots(worker.slots);
  to.setBuildId(text(worker.build_id));
  write_all(to.initProcesses(static_cast<unsigned>(worker.processes.size())), worker.processes);
}
void read(wire::Register::Reader from, Register& worker) {
  worker.worker = text(from.getWorker());
  worker.host = text(from.getHost());
  worker.slots = from.getSlots();
  worker.build_id = text(from.getBuildId());
  read_all(from.getProcesses(), worker.processes);
}

void write(wire::Answer::Builder to, const Answer& answer) {
  to.setRequest(answer.request);
  to.setJson(text(answer.json));
  if (answer.failure) write(to.initFailure(), *answer.failure);
}
void read(wire::Answer::Reader from, Answer& answer) {
  answer.request = from.getRequest();
  answer.json = text(from.getJson());
  if (from.hasFailure()) answer.failure = read(from.getFailure());
}

void write(wire::Welcome::Builder to, const Welcome& welcome) {
  to.setEpoch(welcome.epoch);
  to.setHeartbeatMs(welcome.heartbeat_ms);
  to.setTimeoutMs(welcome.timeout_ms);
}
void read(wire::Welcome::Reader from, Welcome& welcome) {
  welcome = {from.getEpoch(), from.getHeartbeatMs(), from.getTimeoutMs()};
}

void write(wire::Start::Builder to, const Start& start) {
  write(to.initId(), start.id);
  write(to.initSpec(), start.spec);
  write_all(to.initProcesses(static_cast<unsigned>(start.processes.size())), start.processes);
  to.setLibraryPath(text(start.library_path));
  to.setLastCheckpoint(start.last_checkpoint);
  auto over = to.initOver(static_cast<unsigned>(start.over.size()));
  for (unsigned i = 0; i < over.size(); ++i) over.set(i, text(start.over[i]));
}
void read(wire::Start::Reader from, Start& start) {
  read(from.getId(), start.id);
  read(from.getSpec(), start.spec);
  read_all(from.getProcesses(), start.processes);
  start.library_path = text(from.getLibraryPath());
  start.last_checkpoint = from.getLastCheckpoint();
  start.over.clear();
  for (const auto job : from.getOver()) start.over.push_back(text(job));
}

void write(wire::Peers::Builder to, const Peers& peers) {
  to.setJob(text(peers.job));
  to.setAttempt(peers.attempt);
  write_all(to.initAddresses(static_cast<unsigned>(peers.addresses.size())), peers.addresses);
}
void read(wire::Peers::Reader from, Peers& peers) {
  peers.job = text(from.getJob());
  peers.attempt = from.getAttempt();
  read_all(from.getAddresses(), peers.addresses);
}

void write(wire::Kill::Builder to, const Kill& kill) {
  to.setJob(text(kill.job));
  to.setAttempt(kill.attempt);
}
void read(wire::Kill::Reader from, Kill& kill) { kill = {text(from.getJob()), from.getAttempt()}; }

void write(wire::Ask::Builder to, const Ask& ask) {
  to.setRequest(ask.request);
  write(to.initId(), ask.id);
  to.setJson(text(ask.json));
}
void read(wire::Ask::Reader from, Ask& ask) {
  ask.request = from.getRequest();
  read(from.getId(), ask.id);
  ask.json = text(from.getJson());
}

void write(wire::Assignment::Builder to, const Assignment& assignment) {
  write(to.initStart(), assignment.start);
  to.setLibrary(text(assignment.library));
  to.setHost(text(assignment.host));
  to.setToken(text(assignment.token));
}
void read(wire::Assignment::Reader from, Assignment& assignment) {
  read(from.getStart(), assignment.start);
  assignment.library = text(from.getLibrary());
  assignment.host = text(from.getHost());
  assignment.token = text(from.getToken());
}

/// The member of the union for each kind of message.
struct Writer {
  wire::Message::Builder to;

  void operator()(const Register& m) { write(to.initRegister(), m); }
  void operator()(const Heartbeat&) { to.setHeartbeat(); }
  void operator()(const ProcessReport& m) { write(to.initReport(), m); }
  void operator()(const Answer& m) { write(to.initAnswer(), m); }
  void operator()(const Welcome& m) { write(to.initWelcome(), m); }
  void operator()(const Start& m) { write(to.initStart(), m); }
  void operator()(const Peers& m) { write(to.initPeers(), m); }
  void operator()(const Kill& m) { write(to.initKill(), m); }
  void operator()(const Ask& m) { write(to.initAsk(), m); }
  void operator()(const Assignment& m) { write(to.initAssignment(), m); }
};

template <class Kind, class From>
Message message_of(From from) {
  Kind message;
  read(from, message);
  return message;
}

Result<Message> read(wire::Message::Reader from) {
  switch (from.which()) {
    case wire::Message::REGISTER:
      return message_of<Register>(from.getRegister());
    case wire::Message::HEARTBEAT:
      return Message(Heartbeat{});
    case wire::Message::REPORT:
      return message_of<ProcessReport>(from.getReport());
    case wire::Message::ANSWER:
      return message_of<Answer>(from.getAnswer());
    case wire::Message::WELCOME:
      return message_of<Welcome>(from.getWelcome());
    case wire::Message::START:
      return message_of<Start>(from.getStart());
    case wire::Message::PEERS:
      return message_of<Peers>(from.getPeers());
    case wire::Message::KILL:
      return message_of<Kill>(from.getKill());
    case wire::Message::ASK:
      return message_of<Ask>(from.getAsk());
    case wire::Message::ASSIGNMENT:
      return message_of<Assignment>(from.getAssignment());
  }
  return Error{ErrorCode::incompatible,
               "A message of kind " + std::to_string(static_cast<int>(from.which())) +
                   ", which this version does not know; the other end is newer"};
}

}  // namespace

std::string to_string(const ProcessId& id) {
  return id.job + "/" + std::to_string(id.attempt) + "/" + std::to_string(id.process);
}

std::string encode(const Message& message) {
  return write_capnp<wire::Message>(
      [&message](wire::Message::Builder to) { std::visit(Writer{to}, message); });
}

Result<Message> decode(std::string_view bytes) {
  return read_capnp<wire::Message>(bytes, [](wire::Message::Reader from) { return read(from); });
}

}  // namespace weir::cluster
