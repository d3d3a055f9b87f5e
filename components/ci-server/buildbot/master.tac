"""The master, with its log on the container's and in the file from which `buildbot reconfig` reads what came of it."""

import os
import sys

from buildbot.master import BuildMaster
from twisted.application import service
from twisted.python.log import FileLogObserver, ILogObserver
from twisted.python.logfile import LogFile

# Read from here by Buildbot's own commands, which tell a folder of a master by the letters "Application('buildmaster')".
configfile = "/etc/buildbot/current/master.cfg"
basedir = os.path.dirname(os.path.abspath(__file__))
outputs = [FileLogObserver(file).emit for file in (sys.stdout, LogFile("twistd.log", basedir, rotateLength=1_000_000, maxRotatedFiles=1))]


def observe(event):
    for emit in outputs:
        emit(event)


application = service.Application('buildmaster')
application.setComponent(ILogObserver, observe)
BuildMaster(basedir, configfile, umask=0o077).setServiceParent(application)
