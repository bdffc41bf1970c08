# What coordinator, workers and processes tell each other; messages.h says what each means.
# Fields are only ever added, with new numbers, so that processes of two versions understand each
# other while a cluster is updated.
@0xd7a1f0c3b2958e46;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("weir::cluster::wire");

struct Address {
  host @0 :Text;
  port @1 :UInt16;
}

struct Pair {
  key @0 :Text;
  value @1 :Text;
}

struct Failure {
  code @0 :Text;
  message @1 :Text;
  retryable @2 :Bool;
}

struct ProcessId {
  job @0 :Text;
  attempt @1 :UInt64;
  process @2 :UInt32;
}

struct ProcessPlace {
  worker @0 :Text;
  slots @1 :UInt32;
}

struct JobSpec {
  name @0 :Text;
  library @1 :Text;
  libraryHash @2 :Text;
  settings @3 :List(Pair);
  options @4 :List(Pair);
  parallelism @5 :UInt32;
  stateDir @6 :Text;
  from @7 :Text;
}

struct FailedTask {
  steps @0 :Text;
  subtask @1 :UInt32;
  process @2 :UInt32;
}

struct ProcessReport {
  id @0 :ProcessId;
  phase @1 :UInt8;
  address @2 :Address;
  outcome @3 :Text;
  checkpoint @4 :UInt64;
  failure @5 :Failure;  # null: none
  failedTask @6 :FailedTask;  # null: none, or not known
}

struct Register {
  worker @0 :Text;
  host @1 :Text;
  slots @2 :UInt32;
  buildId @3 :Text;
  processes @4 :List(ProcessReport);
}

struct Answer {
  request @0 :UInt64;
  json @1 :Text;
  failure @2 :Failure;  # null: none
}

struct Welcome {
  epoch @0 :UInt64;
  heartbeatMs @1 :UInt32;
  timeoutMs @2 :UInt32;
}

struct Start {
  id @0 :ProcessId;
  spec @1 :JobSpec;
  processes @2 :List(ProcessPlace);
  libraryPath @3 :Text;
  lastCheckpoint @4 :UInt64;
  over @5 :List(Text);
}

struct Peers {
  job @0 :Text;
  attempt @1 :UInt64;
  addresses @2 :List(Address);
}

struct Kill {
  job @0 :Text;
  attempt @1 :UInt64;
}

struct Ask {
  request @0 :UInt64;
  id @1 :ProcessId;
  json @2 :Text;
}

struct Assignment {
  start @0 :Start;
  library @1 :Text;
  host @2 :Text;
  token @3 :Text;
}

struct Message {
  union {
    register @0 :Register;
    heartbeat @1 :Void;
    report @2 :ProcessReport;
    answer @3 :Answer;
    welcome @4 :Welcome;
    start @5 :Start;
    peers @6 :Peers;
    kill @7 :Kill;
    ask @8 :Ask;
    assignment @9 :Assignment;
  }
}
