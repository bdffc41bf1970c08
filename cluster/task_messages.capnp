# What the processes of an attempt tell each other beside their channels; task_messages.h says what
# each means. All of them run one build, which their greetings compare.
@0xb65e0c1f7d2a9384;

using Cxx = import "/capnp/c++.capnp";
using Messages = import "messages.capnp";
$Cxx.namespace("weir::cluster::wire");

struct RunInfo {
  file @0 :Text;
  sizeBytes @1 :UInt64;
  rows @2 :UInt64;
  hashHigh @3 :UInt64;
  hashLow @4 :UInt64;
}

struct Count {
  name @0 :Text;
  value @1 :UInt64;
}

struct StepPart {
  step @0 :Text;
  index @1 :UInt32;
  groupsBegin @2 :UInt32;
  groupsEnd @3 :UInt32;
  state @4 :List(RunInfo);
  items @5 :List(RunInfo);
  watermarkMs @6 :Int64;
  deadLetters @7 :List(RunInfo);
  counters @8 :List(Count);
}

struct Split {
  id @0 :Data;
  position @1 :Data;
}

# From the coordinator of the attempt to a task.
struct ToTask {
  task @0 :UInt32;
  union {
    trigger :group {
      checkpoint @1 :UInt64;
      last @2 :Bool;
    }
    complete @3 :UInt64;
    splits :group {
      step @4 :Text;
      splits @5 :List(Split);
      complete @6 :Bool;
    }
    limit :group {
      limitStep @7 :Text;
      ms @8 :Int64;
    }
    confirmIdle @9 :Int64;
    letters :group {
      letterStep @10 :Text;
      letters @11 :List(Data);
      drop @12 :Bool;
    }
  }
}

# From a task to the coordinator of the attempt.
struct FromTask {
  task @0 :UInt32;
  union {
    restored @1 :Void;
    done :group {
      checkpoint @2 :UInt64;
      parts @3 :List(StepPart);
      obsoleteFiles @4 :List(Text);
      alignmentNs @13 :Int64;
      pauseNs @14 :Int64;
      writeNs @15 :Int64;
    }
    declined :group {
      declinedCheckpoint @5 :UInt64;
      why @6 :Messages.Failure;
    }
    wanted @7 :Void;
    drained @8 :Void;
    failed @9 :Messages.Failure;
    inDoubt @10 :Int64;
    letterDone :group {
      id @11 :Text;
      failure @12 :Messages.Failure;  # null: done
    }
    committed :group {
      committedCheckpoint @16 :UInt64;
      tookNs @17 :Int64;
    }
  }
}

struct StepCounts {
  recordsIn @0 :UInt64;
  recordsOut @1 :UInt64;
  late @2 :UInt64;
  deadLetters @3 :UInt64;
  duplicates @4 :UInt64;
  timersFired @5 :UInt64;
  stateEntries @6 :UInt64;
  watermarkMs @7 :Int64;
  lag @8 :Int64;
  idle @9 :Bool;
  stateBytes @10 :UInt64;
}

struct TaskCounts {
  task @0 :UInt32;
  settled @1 :UInt64;
  steps @2 :List(StepCounts);
  timesNs @3 :List(Int64);  # by TaskActivity
}

# The process of the coordinator has prepared the attempt: the others build and restore their tasks.
struct Deploy {
  runId @0 :Text;
  attemptName @1 :Text;
  newestId @2 :UInt64;
  restore @3 :Text;  # path of the manifest; empty: a fresh start
  claimedId @4 :UInt64;
}

struct PeerMessage {
  union {
    toTask @0 :ToTask;
    fromTask @1 :FromTask;
    counts @2 :List(TaskCounts);
    deploy @3 :Deploy;
    end @4 :Void;  # the job has ended well: stop, say nothing more, wait to be ended
  }
}
