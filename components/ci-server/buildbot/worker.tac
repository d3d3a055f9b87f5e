"""A worker, from what Dockyard rendered beside this file."""

import json
import os
import sys

from buildbot_worker.bot import Worker
from twisted.application import service
from twisted.python.log import FileLogObserver, ILogObserver

HERE = "/etc/buildbot/current"

with open(os.path.join(HERE, "worker.json"), encoding="utf-8") as file:
    settings = json.load(file)
# Its own: it can log in as no other worker.
with open(os.path.join(HERE, "password"), encoding="utf-8") as file:
    password = file.read().strip()

application = service.Application("buildbot-worker")
application.setComponent(ILogObserver, FileLogObserver(sys.stdout).emit)
Worker(
    settings["host"],
    settings["port"],
    settings["name"],
    password,
    "/data",
    keepalive=15,
    umask=0o077,
    # A master that is back is found within seconds.
    maxdelay=3,
    delete_leftover_dirs=True,
).setServiceParent(application)
