#!/usr/bin/env python3
"""Jobs on a cluster of real processes whose state lies on a real S3 server: workers, processes,
coordinators and the server itself are killed; jobs are rescaled, and move by savepoints."""

import os
import re
import shutil
import sys

import cases
import clustertest
import programs
import weirtest
from recovery_times import moves

import s3_proxy
import s3_server

SHAPE = {"workers": 3, "coordinators": 2}


class S3Run(weirtest.Run):
    """A run with its state on S3, on a cluster of its own."""

    def __init__(self, name, environment):
        super().__init__(name)
        self.place = "s3://%s/%s" % (s3_server.BUCKET, name)
        self.state = self.place + "/state"
        folder = os.path.join(self.folder, "cluster")
        self.cluster = clustertest.Cluster(folder, environment=environment, **SHAPE)
        self.job = None

    def __enter__(self):
        return self

    def __exit__(self, kind, *unused):
        self.cluster.stop()
        if kind is None:
            self.remove()

    def submit(self, case, parallelism, rate, source=None):
        self.job = self.cluster.submit(case.command(self, parallelism, rate, source=source))

    def wait_for_checkpoint(self, more=1):
        """Until there are so many more; False when the job is over before."""
        wanted = self.cluster.job(self.job)["last_checkpoint"] + more

        def there():
            record = self.cluster.job(self.job)
            return record["state"] in clustertest.OVER or record["last_checkpoint"] >= wanted

        self.cluster.wait_for(there, "checkpoints of " + self.job)
        return self.cluster.job(self.job)["state"] not in clustertest.OVER

    def end(self, case, what):
        record = self.cluster.wait_over(self.job, 180)
        if record["state"] != "finished":
            raise weirtest.Failure("%s: it is %s: %s"
                                   % (what, record["state"], record["exceptions"][:2]))
        case.check(self, what)
        print("%s: right with its state on S3: %s" % (case.name, what), flush=True)


def across_kills(case, environment):
    with S3Run("kills", environment) as run:
        cluster = run.cluster
        run.submit(case, 3, 6_000)
        for victim in range(3):
            if not run.wait_for_checkpoint(2):
                raise weirtest.Failure("the job was too fast to be killed")
            record = cluster.job(run.job)
            if victim == 1:
                leader = cluster.coordinators[cluster.http.index(cluster.leader())]
                leader.kill()
                leader.start()
                continue
            worker = cluster.worker_of(record, victim)
            if victim == 0:
                worker.kill()
                worker.start()
            else:
                programs.signal_process(cluster.job_processes([worker])[0], "KILL")
            cluster.wait_for(lambda: cluster.job(run.job)["attempt"] > record["attempt"],
                             "another attempt")
        run.end(case, "a worker, a coordinator and a process were killed")


def across_savepoints(case, environment):
    with S3Run("moves", environment) as run:
        cluster = run.cluster
        run.submit(case, 2, 8_000)
        run.wait_for_checkpoint()
        listed = cluster.ask_of("checkpoints", "list", run.job)
        if not re.search(r"(?m)^\d+ ", listed):
            raise weirtest.Failure("the checkpoints on S3 are not listed:\n" + listed)
        cluster.ask_of("rescale", run.job, "3")
        cluster.wait_for(lambda: cluster.job(run.job)["state"] == "running"
                         and moves(cluster, run.job), "the job at parallelism 3")
        cluster.ask_of("savepoint", run.job, run.place + "/save", "--stop")
        cluster.wait_over(run.job)
        run.state = run.place + "/moved"
        run.submit(case, 5, None, source=run.place + "/save")
        run.end(case, "rescaled, and moved by a savepoint on S3")


def across_faults_of_the_server(case, server, environment):
    proxy = s3_proxy.S3Proxy(server.port)
    with S3Run("faults", dict(environment, AWS_ENDPOINT_URL=proxy.url)) as run:
        run.submit(case, 3, 6_000)
        run.wait_for_checkpoint()
        for faults, share in ((["busy"], 1.0), (["cut after", "error after"], 0.3)):
            proxy.spoil(faults, share)
            run.cluster.wait_for(lambda: proxy.spoilt >= 4, "requests to spoil")
            proxy.heal()
            run.wait_for_checkpoint()
        server.kill()
        server.start()
        run.end(case, "the server refused, lost answers and died")


def main():
    why = s3_server.missing()
    if why:
        print("skipped: no S3 server: " + why)
        sys.exit(weirtest.SKIPPED)
    case = cases.shop_cohorts()
    folder = os.path.abspath("server")
    shutil.rmtree(folder, ignore_errors=True)
    with s3_server.S3Server(folder) as server:
        weirtest.main(
            lambda: across_kills(case, server.environment),
            lambda: across_savepoints(case, server.environment),
            lambda: across_faults_of_the_server(case, server, server.environment),
        )


main()
