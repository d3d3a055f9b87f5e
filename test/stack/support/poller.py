"""
Has the master's poller look at a repository of its own while what it finds cannot be stored, and Buildbot's own for comparison. Says of each
look what was stored, the messages of the commits in their order.
"""

import json
import os
import subprocess
import tempfile
from types import SimpleNamespace

from buildbot.changes.gitpoller import GitPoller
from twisted.internet import defer, task

CONFIGURATION = "/etc/buildbot/current/master.cfg"
master_cfg = {"__file__": CONFIGURATION}
with open(CONFIGURATION, encoding="utf-8") as file:
    exec(compile(file.read(), CONFIGURATION, "exec"), master_cfg)


class Master:
    """As much of one as a poller asks for."""

    def __init__(self, reactor, basedir):
        self.reactor = reactor
        self.basedir = basedir
        self.data = SimpleNamespace(updates=self)
        self.db = SimpleNamespace(state=self)
        self.full = False
        self.stored = []
        self.states = {}

    def addChange(self, comments, **_):
        if self.full:
            return defer.fail(OSError("no room"))
        self.stored.append(comments.strip().replace("\ufffd", ""))
        return defer.succeed(1)

    def getObjectId(self, *_):
        return defer.succeed(1)

    def getState(self, _, key, default):
        return defer.succeed(json.loads(self.states.get(key, json.dumps(default))))

    def setState(self, _, key, value):
        self.states[key] = json.dumps(value)
        return defer.succeed(None)


@defer.inlineCallbacks
def looks(reactor, kind, encoding):
    folder = tempfile.mkdtemp()
    repository = os.path.join(folder, "repository")
    own = Master(reactor, folder)

    def git(*arguments):
        user = ["-c", "user.name=ops", "-c", "user.email=ops@example.org"]
        subprocess.run(["git", *user, "-C", repository, *arguments], check=True, capture_output=True)

    def commit(message):
        # What git does not know it takes as it is.
        git("-c", "i18n.commitEncoding=unknown", "commit", "--quiet", "--allow-empty", "--message", message)

    @defer.inlineCallbacks
    def look():
        # Each after a start of the master, so that what it knows is what was stored.
        poller = type(kind.__name__, (kind,), {"master": own, "poll_should_exit": lambda _: False})(repository, branches=["main", "next"])
        poller.repourl, poller.branches, poller.workdir = repository, ["main", "next"], os.path.join(folder, "work")
        poller.gitbin, poller.usetimestamps, poller.category, poller.project = "git", True, None, ""
        poller.encoding, poller.buildPushesWithNoCommits = encoding, True
        poller.setupGit()
        own.stored = []
        yield poller.poll()
        return sorted(own.stored)

    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", repository], check=True)
    commit("first")
    found = [(yield look())]
    commit("second")
    commit("third")
    git("branch", "next")
    git("checkout", "--quiet", "--orphan", "other")
    commit("new branch")
    git("branch", "--force", "next")
    own.full = True
    found.append((yield look()))
    own.full = False
    found.append((yield look()))
    git("checkout", "--quiet", "main")
    commit(b"no text\xff")
    found.append((yield look()))
    return found


@defer.inlineCallbacks
def main(reactor):
    found = {}
    for kind, encoding in ((master_cfg["RepositoryPoller"], "lenient"), (GitPoller, "utf-8")):
        found[kind.__name__] = yield looks(reactor, kind, encoding)
    print(json.dumps(found))


task.react(main)
