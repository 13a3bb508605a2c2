# SPDX-License-Identifier: GPL-2.0-or-later
"""tiod restarted below a socket that somebody else holds, as systemd does: nobody is lost."""

import json
import os
import signal
import socket
import threading
import time

from checks import until
from world import SOCKET, Tap, World, diff

DRIVE = "0000:61:00.0"
CROWD = 16  # tiod may see the last test's go late, and takes 64 of one user

tap = Tap()


class Activated(World):
    """With the protocol of sd_listen_fds(3): descriptor 3, and a variable with the pid."""

    def __init__(self):
        super().__init__()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(SOCKET)
        self.listener.listen(1024)
        self.pass_fds = (self.listener.fileno(),)
        self.launcher = ("bash", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&' +
                         str(self.listener.fileno()), "bash")

    def signal(self, number):
        os.kill(self.daemon.pid, number)

    def has_logged(self, text, times=1):
        with open("/run/tiod.log", encoding="utf-8") as log:
            return log.read().count(text) >= times

    def ended(self):
        code = self.daemon.wait(30)
        self.daemon = None
        return code


class Client:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(SOCKET)

    def ask(self):
        self.socket.sendall(b'{"method":"io.tiod.GetHost"}\0')

    def answer(self):
        """What came, or why nothing did."""
        data = b""
        try:
            while not data.endswith(b"\0"):
                more = self.socket.recv(65536)
                if not more:
                    return "closed"
                data += more
        except OSError as error:
            return str(error)
        return "answered" if "parameters" in json.loads(data[:-1]) else data


def wait_for(condition, wait=60):
    end = time.monotonic() + wait
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()


def test_queue(tiod):
    """Those who connect while there is no tiod wait for the next."""
    tiod.stop()
    tap.ok(os.path.exists(SOCKET), "a socket that was passed stays when tiod ends")
    clients = [Client() for _ in range(CROWD)]
    for client in clients:
        client.ask()
    tiod.start()
    answers = [client.answer() for client in clients]
    tap.ok(answers == ["answered"] * CROWD, "who connected meanwhile is answered by the next",
           answers)


def test_asked(tiod):
    """A question that lies in the socket when tiod is told to stop."""
    clients = [Client() for _ in range(CROWD)]
    for client in clients:
        client.ask()
        client.answer()
    tiod.signal(signal.SIGSTOP)
    for client in clients:
        client.ask()
    tiod.signal(signal.SIGTERM)
    tiod.signal(signal.SIGCONT)
    answers = [client.answer() for client in clients]
    tap.ok(answers == ["answered"] * CROWD, "who had asked before the stop is answered", answers)
    tap.ok(tiod.ended() == 0, "and tiod ends")
    tiod.start()


def test_silent(tiod):
    """tiod has accepted it, and it has not asked yet."""
    client, other = Client(), Client()
    other.ask()
    other.answer()
    before = tiod.has_logged
    number = next(n for n in range(1, 99) if not before("stopping (", n))
    tiod.signal(signal.SIGTERM)
    wait_for(lambda: tiod.has_logged("stopping (", number))
    client.ask()
    answer = client.answer()
    tap.ok(answer == "answered", "who was accepted and asks during the stop is answered",
           answer)
    tap.ok(tiod.ended() == 0, "and tiod ends")
    tiod.start()


def test_attach(tiod):
    """A change in flight ends before tiod does, and its client hears of it."""
    running = tiod.background("attach", DRIVE, "--vm", "vm1")
    wait_for(lambda: tiod.call("ListJobs")["parameters"]["jobs"])
    tiod.signal(signal.SIGTERM)
    out, err = running.communicate(timeout=60)
    tap.ok(running.returncode == 0, "an attach under way is finished, and said to be", out, err,
           tiod.log_text())
    tap.ok(tiod.ended() == 0, "before tiod ends")
    before = tiod.sim.snapshot()
    tiod.start()
    tap.ok(tiod.settled(DRIVE) == "attached", "the next tiod finds it attached")
    tap.ok(tiod.sim.snapshot() == before, "and changes nothing",
           diff(before, tiod.sim.snapshot()))
    tiod.must("detach", DRIVE)


def hammer(until, answers):
    while not until.is_set():
        try:
            client = Client()
            client.ask()
            answers.append(client.answer())
            client.socket.close()
        except OSError as error:
            answers.append(str(error))


def test_hammer(tiod):
    """Whatever moment the stop comes at."""
    end, answers = threading.Event(), []
    threads = [threading.Thread(target=hammer, args=(end, answers)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(6):
        enough = len(answers) + 20
        wait_for(lambda least=enough: len(answers) >= least)
        tiod.signal(signal.SIGTERM)
        tiod.ended()
        tiod.start()
    end.set()
    for thread in threads:
        thread.join()
    lost = [answer for answer in answers if answer != "answered"]
    tap.ok(len(answers) >= 120 and not lost,
           "of all that 8 clients ask during six restarts nothing is lost", len(lost),
           len(answers), lost[:5])


def answers(tiod):
    try:
        return tiod.call("GetHost")["parameters"]["ready"]
    except OSError:
        return False


def test_lost(tiod):
    """The service manager keeps a socket whose path is gone: each tiod makes that again."""
    os.unlink(SOCKET)
    tap.ok(until(lambda: answers(tiod), 60), "a deleted socket is made again", tiod.log_text())
    tiod.kill()
    tiod.start(60)
    tap.ok(answers(tiod), "and by the tiod after one that was killed", tiod.log_text())
    tiod.stop()
    tap.ok(not os.path.exists(SOCKET), "one that is stopped takes it along")
    tiod.start(60)
    tap.ok(answers(tiod), "and the next one makes it again", tiod.log_text())


def main():
    tiod = Activated().start()
    for test in (test_queue, test_asked, test_silent, test_attach, test_hammer, test_lost):
        test(tiod)
    tiod.stop()
    tap.end()


main()
