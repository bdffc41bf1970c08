"""Disks that fail programs: one that is full, and one that is slow or refuses."""

import errno
import os
import shutil
import struct
import subprocess

import weirtest

BAD_DISK = os.path.join(weirtest.BUILD, "tests", "bin", "libbad_disk.so")
ERRORS = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOSPC)


def unmount_below(folder):
    """Ends what killed tests have left mounted."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        places = [line.split()[1] for line in mounts]
    for place in reversed(places):
        if (place + "/").startswith(os.path.abspath(folder) + "/"):
            subprocess.run(["umount", "-l", place], check=False)


class SmallDisk:
    """A file system of its own that can be filled up. Needs root."""

    def __init__(self, folder, megabytes=200):
        self.folder = folder
        self.ballast = os.path.join(folder, "ballast")
        options = "size=%dm" % megabytes
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)

    def fill(self):
        try:
            with open(self.ballast, "wb") as out:
                while True:
                    out.write(b"x" * 65536)
                    out.flush()
        except OSError:
            pass

    def heal(self):
        if os.path.exists(self.ballast):
            os.remove(self.ballast)

    def remove(self, copy_to=None):
        """Unmounts it; what it holds is gone unless it is copied."""
        self.heal()
        if copy_to:
            shutil.copytree(self.folder, copy_to, ignore=shutil.ignore_patterns("*.sock"))
        subprocess.run(["umount", "-l", self.folder], check=False)


class BadDisk:
    """Makes operations on files below some folders slow, or fail, in all programs that are started
    with `environment`; see bad_disk.cc."""

    def __init__(self, control, *folders):
        self._control = open(control, "w+b", buffering=0)
        self.heal()
        self.environment = {
            "LD_PRELOAD": BAD_DISK,
            "WEIR_BAD_DISK": ":".join([os.path.abspath(control), *map(os.path.abspath, folders)]),
        }

    def _be(self, delay_ms, error, per_mille, lost):
        os.pwrite(self._control.fileno(), struct.pack("4I", delay_ms, error, per_mille, lost), 0)

    def slow(self, seconds):
        """Each operation takes so long."""
        self._be(int(seconds * 1000), 0, 0, 0)

    def refuse(self, error, share):
        """This share of the operations fails; of those on names half have been done then."""
        self._be(0, error, int(share * 1000), 500)

    def heal(self):
        self._be(0, 0, 0, 0)

    def remove(self, copy_to=None):
        """The files stay where they are, so there is nothing to copy."""
        self._control.close()
